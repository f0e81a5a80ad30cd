-- What an operator tells of queues and pods, and what its sweep and its numbers are read by.

ALTER TABLE queue ADD COLUMN managed_by TEXT;
ALTER TABLE queue ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN ended_by TEXT;
CREATE INDEX job_owned ON job (owner ->> 'clusterId', id)
    WHERE owner IS NOT NULL AND state IN ('waiting', 'ready', 'leased');
CREATE INDEX job_held ON job (queue_id) WHERE state = 'waiting' AND reason IN ('Suspended', 'Blocked');
