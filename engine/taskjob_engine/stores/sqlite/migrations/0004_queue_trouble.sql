-- Why workers of a queue cannot start, as its cluster says it.

ALTER TABLE queue ADD COLUMN trouble TEXT;
