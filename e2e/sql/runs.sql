-- As journal.sql, for the runs of schedules; and a list of schedulers that were killed, by whoever did it.

CREATE TABLE journal.runs (
    number bigserial PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    run_id uuid NOT NULL,
    became text NOT NULL,
    owner text,
    fence bigint NOT NULL
);
CREATE INDEX runs_run ON journal.runs (run_id, number);

CREATE TABLE journal.kills (
    process text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION journal.write_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.state <> OLD.state OR NEW.fence <> OLD.fence THEN
        INSERT INTO journal.runs (run_id, became, owner, fence) VALUES (NEW.id, NEW.state, NEW.owner, NEW.fence);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER journal_runs AFTER INSERT OR UPDATE ON schedule_runs FOR EACH ROW EXECUTE FUNCTION journal.write_run();
