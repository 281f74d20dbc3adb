"""The frontier's tables in SQLite, and how those of older versions become these."""

VERSION = 3
TOTAL = ""
"""The row of `tally` that counts all items."""
_VERSION_2 = """
CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    payload TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0,
    owner TEXT NOT NULL DEFAULT '',
    changed_at REAL NOT NULL DEFAULT 0,
    expires_at REAL NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT ''
);
CREATE INDEX tasks_by_state ON tasks (state, position, id);
CREATE TABLE claims (
    claimed TEXT PRIMARY KEY,
    task_id TEXT NOT NULL UNIQUE
) WITHOUT ROWID;
CREATE TABLE items (
    key TEXT PRIMARY KEY,
    task_id TEXT NOT NULL,
    bucket TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE tally (
    bucket TEXT PRIMARY KEY,
    admitted INTEGER NOT NULL
) WITHOUT ROWID;
"""
# Version 1 knew games alone, and everything in it can be found again in the ledgers.
_FROM_1 = "DROP TABLE tasks; DROP TABLE claims; " + _VERSION_2
# Version 2 went through the whole queue with every lease. Now the queue stands in its order (games
# that were begun go first), leases by their end, and the number of tasks in each state is kept:
# what workers and polls ask takes as long with a hundred million tasks as with ten.
_FROM_2 = """
DROP INDEX tasks_by_state;
ALTER TABLE tasks ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
UPDATE tasks SET begun = 1 WHERE id IN (SELECT task_id FROM claims);
CREATE INDEX tasks_in_turn ON tasks (state, begun DESC, position, id);
CREATE INDEX tasks_by_expiry ON tasks (expires_at) WHERE state = 'leased';
CREATE INDEX tasks_by_owner ON tasks (owner) WHERE state = 'leased';
CREATE INDEX tasks_by_reason ON tasks (reason) WHERE state = 'failed';
CREATE TABLE states (
    state TEXT PRIMARY KEY,
    tasks INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO states SELECT state, count(*) FROM tasks GROUP BY state;
CREATE TRIGGER task_removed AFTER DELETE ON tasks BEGIN
    UPDATE states SET tasks = tasks - 1 WHERE state = old.state;
END;
CREATE TRIGGER task_moved AFTER UPDATE OF state ON tasks WHEN old.state <> new.state BEGIN
    UPDATE states SET tasks = tasks - 1 WHERE state = old.state;
    INSERT INTO states VALUES (new.state, 1) ON CONFLICT (state) DO UPDATE SET tasks = tasks + 1;
END;
CREATE TRIGGER task_begun AFTER INSERT ON claims BEGIN
    UPDATE tasks SET begun = 1 WHERE id = new.task_id;
END;
"""
SCHEMA = _VERSION_2 + _FROM_2
UPGRADES = {1: _FROM_1, 2: _FROM_2}
"""By the version that they start from."""
