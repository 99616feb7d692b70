ALTER TABLE account ADD COLUMN external_id TEXT;
ALTER TABLE account ADD COLUMN provisioned INTEGER NOT NULL DEFAULT 0; -- whether SCIM created the account
ALTER TABLE account ADD COLUMN created_ms INTEGER;
ALTER TABLE account ADD COLUMN changed_ms INTEGER;
ALTER TABLE account ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE team ADD COLUMN external_id TEXT;
ALTER TABLE team ADD COLUMN created_ms INTEGER;
ALTER TABLE team ADD COLUMN changed_ms INTEGER;
ALTER TABLE team ADD COLUMN version INTEGER NOT NULL DEFAULT 0;

DROP INDEX account_email;
CREATE UNIQUE INDEX account_email ON account (fold(email));
CREATE INDEX account_order ON account (organization, CAST(id AS text));
CREATE INDEX account_external_id ON account (organization, external_id);
CREATE INDEX team_order ON team (organization, CAST(id AS text));
CREATE INDEX team_name ON team (organization, fold(name));
CREATE INDEX team_external_id ON team (organization, external_id);
CREATE INDEX team_member_account ON team_member (account, team);
CREATE INDEX team_member_value ON team_member (CAST(account AS text));

CREATE TABLE scim_outbox (id INTEGER PRIMARY KEY, organization INTEGER NOT NULL, event TEXT NOT NULL);
CREATE TABLE scim_number (name TEXT PRIMARY KEY, last INTEGER NOT NULL);
INSERT INTO scim_number (name, last) VALUES ('version', 0), ('account', 0), ('team', 0);

-- SQLite does not call a trigger for the statements of the same trigger.
CREATE TRIGGER account_update AFTER UPDATE ON account BEGIN
    UPDATE scim_number SET last = last + 1 WHERE name = 'version';
    UPDATE account SET version = (SELECT last FROM scim_number WHERE name = 'version') WHERE id = NEW.id;
END;
CREATE TRIGGER account_insert AFTER INSERT ON account BEGIN
    UPDATE account SET version = version WHERE id = NEW.id;
END;
CREATE TRIGGER team_update AFTER UPDATE ON team BEGIN
    UPDATE scim_number SET last = last + 1 WHERE name = 'version';
    UPDATE team SET version = (SELECT last FROM scim_number WHERE name = 'version') WHERE id = NEW.id;
END;
CREATE TRIGGER team_insert AFTER INSERT ON team BEGIN
    UPDATE team SET version = version WHERE id = NEW.id;
END;
CREATE TRIGGER team_member_insert AFTER INSERT ON team_member BEGIN
    UPDATE team SET version = version WHERE id = NEW.team;
END;
CREATE TRIGGER team_member_delete AFTER DELETE ON team_member BEGIN
    UPDATE team SET version = version WHERE id = OLD.team;
END;
