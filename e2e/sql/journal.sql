-- A witness of its own: every change of a task is written down by a trigger, in the transaction that makes it, at the
-- time of the database. Scenarios count attempts and measure waits here, not in what docmill says about itself.

CREATE SCHEMA journal;

CREATE TABLE journal.steps (
    number bigserial PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    task_id uuid NOT NULL,
    job_id uuid NOT NULL,
    document_id uuid,
    user_id uuid NOT NULL,
    was text,
    became text NOT NULL,
    attempt_was integer,
    attempt integer NOT NULL,
    fence bigint NOT NULL,
    owner_was uuid,
    owner uuid
);
CREATE INDEX steps_task ON journal.steps (task_id);

CREATE FUNCTION journal.write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO journal.steps (task_id, job_id, document_id, user_id, became, attempt, fence, owner)
        VALUES (NEW.id, NEW.job_id, NEW.document_id, NEW.user_id, NEW.state, NEW.attempt, NEW.fence, NEW.owner);
    ELSIF NEW.state <> OLD.state OR NEW.fence <> OLD.fence OR NEW.attempt <> OLD.attempt THEN
        INSERT INTO journal.steps (task_id, job_id, document_id, user_id, was, became, attempt_was, attempt, fence,
            owner_was, owner)
        VALUES (NEW.id, NEW.job_id, NEW.document_id, NEW.user_id, OLD.state, NEW.state, OLD.attempt, NEW.attempt, NEW.fence,
            OLD.owner, NEW.owner);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER journal_tasks AFTER INSERT OR UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION journal.write();
