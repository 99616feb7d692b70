ALTER TABLE account
    ADD COLUMN external_id text COLLATE "C",
    ADD COLUMN provisioned boolean NOT NULL DEFAULT false, -- whether SCIM created the account
    ADD COLUMN created_ms bigint,
    ADD COLUMN changed_ms bigint,
    ADD COLUMN version bigint NOT NULL DEFAULT 0;
ALTER TABLE team
    ADD COLUMN external_id text COLLATE "C",
    ADD COLUMN created_ms bigint,
    ADD COLUMN changed_ms bigint,
    ADD COLUMN version bigint NOT NULL DEFAULT 0;

DROP INDEX account_email;
CREATE UNIQUE INDEX account_email ON account ((fold(email) COLLATE "C"));
CREATE INDEX account_order ON account (organization, (CAST(id AS text) COLLATE "C"));
CREATE INDEX account_external_id ON account (organization, external_id);
CREATE INDEX team_order ON team (organization, (CAST(id AS text) COLLATE "C"));
CREATE INDEX team_name ON team (organization, (fold(name) COLLATE "C"));
CREATE INDEX team_external_id ON team (organization, external_id);
CREATE INDEX team_member_account ON team_member (account, team);
CREATE INDEX team_member_value ON team_member ((CAST(account AS text) COLLATE "C"));

CREATE TABLE scim_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, organization bigint NOT NULL, event text NOT NULL);
CREATE SEQUENCE scim_version;

CREATE FUNCTION scim_version() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.version := nextval('scim_version'); RETURN NEW; END $$;
CREATE TRIGGER account_version BEFORE INSERT OR UPDATE ON account FOR EACH ROW EXECUTE FUNCTION scim_version();
CREATE TRIGGER team_version BEFORE INSERT OR UPDATE ON team FOR EACH ROW EXECUTE FUNCTION scim_version();

-- A statement that changes many members gives each team one new version.
CREATE FUNCTION scim_members() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN UPDATE team SET version = version WHERE id IN (SELECT team FROM changed); RETURN NULL; END $$;
CREATE TRIGGER team_member_insert AFTER INSERT ON team_member
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION scim_members();
CREATE TRIGGER team_member_delete AFTER DELETE ON team_member
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION scim_members();
