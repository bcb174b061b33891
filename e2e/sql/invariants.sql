-- What has to be so after any number of faults, once everything has settled. Each row of the answer is a violation: the
-- rule, the thing that breaks it, and how. Nothing is a good answer.
--
-- Before it runs, two temporary tables are filled by whoever asks:
--   accepted (job_id uuid)  the jobs that a client was promised with a 202
--   objects (key text)      what lies in the bucket

WITH object AS (
    SELECT key, part[1]::uuid AS user_id, part[2]::uuid AS document_id, part[3] AS name
    FROM objects, regexp_match(key,
        '^users/([0-9a-f-]{36})/[0-9-]{10}/([0-9a-f-]{36})[.](original|(?:text|markdown)-[0-9]+)$') AS part
    WHERE part IS NOT NULL
),
counted AS (
    SELECT job_id, count(*) AS total,
        count(*) FILTER (WHERE status = 'completed') AS completed,
        count(*) FILTER (WHERE status = 'failed') AS failed,
        count(*) FILTER (WHERE status = 'cancelled') AS cancelled
    FROM documents GROUP BY job_id
)

SELECT 'an accepted job is there' AS rule, job_id::text AS thing, 'no row' AS how
FROM accepted WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE id = job_id)

UNION ALL
SELECT 'a job ends', id::text, status
FROM jobs
WHERE finished_at IS NULL OR status NOT IN ('completed', 'partial', 'failed', 'cancelled', 'expired')

UNION ALL
SELECT 'a document ends', id::text, status
FROM documents
WHERE status NOT IN ('completed', 'failed', 'cancelled') OR (status <> 'cancelled' AND processed_at IS NULL)

UNION ALL
SELECT 'a task ends', id::text, state
FROM tasks WHERE state IN ('queued', 'running') OR finished_at IS NULL

UNION ALL
SELECT 'the counters of a job equal its documents', id::text,
    format('says %s/%s/%s of %s, has %s/%s/%s of %s', j.completed, j.failed, j.cancelled, j.total,
        c.completed, c.failed, c.cancelled, c.total)
FROM jobs j LEFT JOIN counted c ON c.job_id = j.id
WHERE (j.total, j.completed, j.failed, j.cancelled)
    IS DISTINCT FROM (c.total::integer, c.completed::integer, c.failed::integer, c.cancelled::integer)

UNION ALL
SELECT 'the status of a job follows from its documents', id::text, format('%s with %s of %s completed', status, completed, total)
FROM jobs
WHERE (status = 'completed') <> (completed = total) OR (status = 'partial' AND (completed = 0 OR completed = total))

UNION ALL
SELECT 'a result has the fence of the run that made it', d.id::text, format('text %s, task %s', d.text_fence, t.fence)
FROM documents d JOIN tasks t ON t.document_id = d.id
WHERE d.status = 'completed' AND (t.state <> 'done' OR d.text_fence IS DISTINCT FROM t.fence)

UNION ALL
SELECT 'no result without success', d.id::text, format('%s with a text', d.status)
FROM documents d WHERE d.status <> 'completed' AND d.text_fence IS NOT NULL

UNION ALL
SELECT 'passages belong to a result', d.id::text, format('%s with %s passages', d.status, count(p.position))
FROM documents d LEFT JOIN passages p ON p.document_id = d.id
WHERE d.status <> 'completed' GROUP BY d.id, d.status HAVING count(p.position) > 0

UNION ALL
SELECT 'what has results can be found', d.id::text, format('%s with %s index rows', d.status, count(p.part))
FROM documents d LEFT JOIN search_parts p ON p.document_id = d.id
WHERE NOT EXISTS (SELECT 1 FROM search_missing m WHERE m.document_id = d.id)
GROUP BY d.id, d.status HAVING (d.status = 'completed') <> (count(p.part) > 0)

UNION ALL
SELECT 'versions are a line', n.id::text, format('version %s of %s', n.version, n.root_id)
FROM documents n JOIN documents p ON p.id = n.parent_id
WHERE n.version <> p.version + 1 OR n.root_id IS DISTINCT FROM COALESCE(p.root_id, p.id) OR n.user_id <> p.user_id

UNION ALL
SELECT 'no task is owned by the dead', t.id::text, format('%s, owner %s', t.state, t.owner)
FROM tasks t LEFT JOIN workers w ON w.id = t.owner
WHERE t.state = 'running' AND (w.id IS NULL OR w.heartbeat_at < now() - interval '45 seconds')

UNION ALL
SELECT 'attempts stay within their bound', id::text, format('%s of %s', attempt, attempts_max)
FROM tasks WHERE attempt > attempts_max OR attempt < 0

UNION ALL
SELECT 'what failed says why', d.id::text, d.status
FROM documents d WHERE d.status = 'failed' AND d.error_code IS NULL

UNION ALL
-- Once: the document is the key of its entry.
SELECT 'a processed document is charged for what it is, and nothing else is', d.id::text,
    format('%s with %s pages and %s bytes, charged %s and %s', d.status, d.pages, d.size_bytes, u.pages, u.bytes)
FROM documents d LEFT JOIN usage_entries u ON u.document_id = d.id
WHERE (d.status = 'completed') <> (u.document_id IS NOT NULL)
    OR (u.document_id IS NOT NULL AND (u.user_id, u.job_id, u.pages, u.bytes)
        IS DISTINCT FROM (d.user_id, d.job_id, COALESCE(d.pages, 0)::bigint, d.size_bytes))

UNION ALL
SELECT 'a reservation is of an open document', r.document_id::text, COALESCE(d.status, 'no document')
FROM quota_reservations r LEFT JOIN documents d ON d.id = r.document_id AND d.user_id = r.user_id AND d.size_bytes = r.bytes
WHERE d.id IS NULL OR d.status <> 'pending'

UNION ALL
SELECT 'the counters of an account equal what they count', q.user_id::text,
    format('says %s/%s/%s used, %s/%s reserved, %s stored; has %s/%s/%s, %s/%s, %s', q.documents_used, q.pages_used,
        q.bytes_used, q.documents_reserved, q.bytes_reserved, q.storage_used, u.documents, u.pages, u.bytes,
        r.documents, r.bytes, d.bytes)
FROM quotas q
CROSS JOIN LATERAL (SELECT count(*) AS documents, COALESCE(sum(pages), 0) AS pages, COALESCE(sum(bytes), 0) AS bytes
    FROM usage_entries WHERE user_id = q.user_id
        AND extract(year FROM at AT TIME ZONE 'UTC') * 100 + extract(month FROM at AT TIME ZONE 'UTC') = q.month) AS u
CROSS JOIN LATERAL (SELECT count(*) AS documents, COALESCE(sum(bytes), 0) AS bytes
    FROM quota_reservations WHERE user_id = q.user_id) AS r
CROSS JOIN LATERAL (SELECT COALESCE(sum(size_bytes + result_bytes), 0) AS bytes
    FROM documents WHERE user_id = q.user_id AND status <> 'cancelled') AS d
WHERE (q.documents_used, q.pages_used, q.bytes_used, q.documents_reserved, q.bytes_reserved, q.storage_used)
        IS DISTINCT FROM (u.documents, u.pages, u.bytes, r.documents, r.bytes, d.bytes)
    OR LEAST(q.documents_used, q.pages_used, q.bytes_used, q.documents_reserved, q.bytes_reserved, q.storage_used) < 0

UNION ALL
SELECT 'no object without a row', all_keys.key, COALESCE(d.status, 'no document')
FROM objects all_keys LEFT JOIN object o ON o.key = all_keys.key
LEFT JOIN documents d ON d.id = o.document_id AND d.user_id = o.user_id
WHERE all_keys.key LIKE 'users/%' AND (d.id IS NULL OR d.status = 'cancelled'
    OR (o.name <> 'original' AND o.name <> format('text-%s', d.text_fence) AND o.name <> format('markdown-%s', d.text_fence)
            AND o.name <> format('parts-%s', d.text_fence)))

UNION ALL
-- Only documents whose structure is known have Markdown.
SELECT 'no row without an object', d.id::text, wanted.name
FROM documents d
CROSS JOIN LATERAL (VALUES ('original'), ('text-' || d.text_fence)) AS wanted (name)
WHERE wanted.name IS NOT NULL AND d.status <> 'cancelled'
    AND NOT EXISTS (SELECT 1 FROM object o WHERE o.document_id = d.id AND o.name = wanted.name)
ORDER BY 1, 2;
