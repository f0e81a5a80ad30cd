-- What signs the witnesses that are handed to peers. Filled when the store is opened, never changed afterwards.

ALTER TABLE store ADD COLUMN witness_key BLOB;
