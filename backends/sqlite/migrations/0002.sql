-- Who created a flow run, as columns that filters ask; the runs that a flow run made, those of an
-- infrastructure block, and those in a state of some name, by an index.
ALTER TABLE "flow_run" ADD COLUMN "created_by_id" BLOB;
ALTER TABLE "flow_run" ADD COLUMN "created_by_type" TEXT;
UPDATE "flow_run" SET
  "created_by_id" = iif(
    length(unhex(replace(json_extract("created_by", '$.id'), '-', ''))) = 16,
    unhex(replace(json_extract("created_by", '$.id'), '-', '')),
    NULL
  ),
  "created_by_type" = json_extract("created_by", '$.type')
WHERE "created_by" IS NOT NULL;
CREATE INDEX "ix_flow_run__parent_flow_run_id" ON "flow_run" ("parent_flow_run_id", "id") WHERE "parent_flow_run_id" IS NOT NULL;
CREATE INDEX "ix_flow_run__infrastructure_document_id" ON "flow_run" ("infrastructure_document_id", "id") WHERE "infrastructure_document_id" IS NOT NULL;
CREATE INDEX "ix_flow_run__state_name_sort_time" ON "flow_run" ("state_name", "sort_time", "id");

-- The unique index on deployment_id and slug serves what this one did.
DROP INDEX "ix_deployment_schedule__deployment_id";

-- Rows of streams lie in the order of their sequence, without a tree for it beside them.
CREATE TABLE "new_events" (
  "occurred" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "event" TEXT NOT NULL,
  "resource_id" TEXT NOT NULL,
  "resource" TEXT NOT NULL,
  "related" TEXT NOT NULL,
  "payload" TEXT NOT NULL,
  "received" INTEGER NOT NULL,
  "follows" BLOB,
  "writer" INTEGER NOT NULL,
  "seq" INTEGER NOT NULL,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("seq"),
  UNIQUE ("occurred", "id")
) STRICT;
INSERT INTO "new_events" ("occurred", "id", "event", "resource_id", "resource", "related", "payload", "received", "follows", "writer", "seq", "row_version") SELECT "occurred", "id", "event", "resource_id", "resource", "related", "payload", "received", "follows", "writer", "seq", "row_version" FROM "events" ORDER BY "seq";
DROP TABLE "events";
ALTER TABLE "new_events" RENAME TO "events";
CREATE INDEX "ix_events__id" ON "events" ("id", "occurred");
CREATE INDEX "ix_events__event_occurred" ON "events" ("event", "occurred", "id");
CREATE INDEX "ix_events__resource_id_occurred" ON "events" ("resource_id", "occurred", "id");
CREATE TABLE "new_log" (
  "timestamp" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "level" INTEGER NOT NULL,
  "message" TEXT NOT NULL,
  "flow_run_id" BLOB,
  "task_run_id" BLOB,
  "writer" INTEGER NOT NULL,
  "seq" INTEGER NOT NULL,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("seq"),
  UNIQUE ("timestamp", "id")
) STRICT;
INSERT INTO "new_log" ("timestamp", "id", "created", "updated", "name", "level", "message", "flow_run_id", "task_run_id", "writer", "seq", "row_version") SELECT "timestamp", "id", "created", "updated", "name", "level", "message", "flow_run_id", "task_run_id", "writer", "seq", "row_version" FROM "log" ORDER BY "seq";
DROP TABLE "log";
ALTER TABLE "new_log" RENAME TO "log";
CREATE INDEX "ix_log__flow_run_id_timestamp" ON "log" ("flow_run_id", "timestamp", "id") WHERE "flow_run_id" IS NOT NULL;
CREATE INDEX "ix_log__task_run_id_timestamp" ON "log" ("task_run_id", "timestamp", "id") WHERE "task_run_id" IS NOT NULL;
