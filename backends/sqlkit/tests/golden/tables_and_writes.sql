CREATE TABLE "flow_run" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "flow_id" BLOB NOT NULL,
  "state_id" BLOB,
  "deployment_id" BLOB,
  "work_queue_id" BLOB,
  "work_queue_name" TEXT,
  "flow_version" TEXT,
  "deployment_version" TEXT,
  "parameters" TEXT NOT NULL,
  "idempotency_key" TEXT,
  "context" TEXT NOT NULL,
  "empirical_policy" TEXT NOT NULL,
  "tags" TEXT NOT NULL,
  "labels" TEXT NOT NULL,
  "parent_task_run_id" BLOB,
  "state_type" TEXT,
  "state_name" TEXT,
  "state_timestamp" INTEGER,
  "run_count" INTEGER NOT NULL,
  "expected_start_time" INTEGER,
  "next_scheduled_start_time" INTEGER,
  "start_time" INTEGER,
  "end_time" INTEGER,
  "total_run_time" REAL NOT NULL,
  "auto_scheduled" INTEGER NOT NULL,
  "infrastructure_document_id" BLOB,
  "infrastructure_pid" TEXT,
  "created_by" TEXT,
  "job_variables" TEXT,
  "sort_time" INTEGER,
  "start_delay" REAL,
  "parent_flow_run_id" BLOB,
  "created_by_id" BLOB,
  "created_by_type" TEXT,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_flow_run__flow_id_idempotency_key" ON "flow_run" ("flow_id", "idempotency_key");
CREATE INDEX "ix_flow_run__state_type_next" ON "flow_run" ("state_type", "next_scheduled_start_time", "id");
CREATE INDEX "ix_flow_run__deployment_state_next" ON "flow_run" ("deployment_id", "state_type", "next_scheduled_start_time", "id") WHERE "deployment_id" IS NOT NULL;
CREATE INDEX "ix_flow_run__work_queue_state_next" ON "flow_run" ("work_queue_id", "state_type", "next_scheduled_start_time", "id") WHERE "work_queue_id" IS NOT NULL;
CREATE INDEX "ix_flow_run__history" ON "flow_run" ("expected_start_time", "state_type", "state_name", "state_timestamp", "start_time", "start_delay", "total_run_time", "id");
CREATE INDEX "ix_flow_run__name" ON "flow_run" ("name", "id");
CREATE INDEX "ix_flow_run__end_time" ON "flow_run" ("end_time", "id");
CREATE INDEX "ix_flow_run__sort_time" ON "flow_run" ("sort_time", "id");
CREATE INDEX "ix_flow_run__flow_id_sort_time" ON "flow_run" ("flow_id", "sort_time", "id");
CREATE INDEX "ix_flow_run__state_name_sort_time" ON "flow_run" ("state_name", "sort_time", "id");
CREATE INDEX "ix_flow_run__parent_task_run_id" ON "flow_run" ("parent_task_run_id", "id") WHERE "parent_task_run_id" IS NOT NULL;
CREATE INDEX "ix_flow_run__infrastructure_document_id" ON "flow_run" ("infrastructure_document_id", "id") WHERE "infrastructure_document_id" IS NOT NULL;
CREATE INDEX "ix_flow_run__parent_flow_run_id" ON "flow_run" ("parent_flow_run_id", "id") WHERE "parent_flow_run_id" IS NOT NULL;
CREATE TABLE "flow_run__tags" (
  "tag" TEXT NOT NULL,
  "sort_time" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  PRIMARY KEY ("tag", "sort_time", "id")
) STRICT, WITHOUT ROWID;

CREATE TABLE "events" (
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
CREATE INDEX "ix_events__id" ON "events" ("id", "occurred");
CREATE INDEX "ix_events__event_occurred" ON "events" ("event", "occurred", "id");
CREATE INDEX "ix_events__resource_id_occurred" ON "events" ("resource_id", "occurred", "id");

SELECT "row_version", "id", "created", "updated", "name", "flow_id", "state_id", "deployment_id", "work_queue_id", "work_queue_name", "flow_version", "deployment_version", "parameters", "idempotency_key", "context", "empirical_policy", "tags", "labels", "parent_task_run_id", "state_type", "state_name", "state_timestamp", "run_count", "expected_start_time", "next_scheduled_start_time", "start_time", "end_time", "total_run_time", "auto_scheduled", "infrastructure_document_id", "infrastructure_pid", "created_by", "job_variables", "sort_time", "start_delay", "parent_flow_run_id", "created_by_id", "created_by_type" FROM "flow_run" WHERE "id" = ?;
SELECT "row_version", "id", "created", "updated", "name", "flow_id", "state_id", "deployment_id", "work_queue_id", "work_queue_name", "flow_version", "deployment_version", "parameters", "idempotency_key", "context", "empirical_policy", "tags", "labels", "parent_task_run_id", "state_type", "state_name", "state_timestamp", "run_count", "expected_start_time", "next_scheduled_start_time", "start_time", "end_time", "total_run_time", "auto_scheduled", "infrastructure_document_id", "infrastructure_pid", "created_by", "job_variables", "sort_time", "start_delay", "parent_flow_run_id", "created_by_id", "created_by_type" FROM "flow_run" WHERE "flow_id" = ? AND "idempotency_key" = ?;
INSERT INTO "flow_run" ("id", "created", "updated", "name", "flow_id", "state_id", "deployment_id", "work_queue_id", "work_queue_name", "flow_version", "deployment_version", "parameters", "idempotency_key", "context", "empirical_policy", "tags", "labels", "parent_task_run_id", "state_type", "state_name", "state_timestamp", "run_count", "expected_start_time", "next_scheduled_start_time", "start_time", "end_time", "total_run_time", "auto_scheduled", "infrastructure_document_id", "infrastructure_pid", "created_by", "job_variables", "sort_time", "start_delay", "parent_flow_run_id", "created_by_id", "created_by_type", "row_version") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
DELETE FROM "flow_run" WHERE "id" = ?;
INSERT INTO "flow_run__tags" ("tag", "sort_time", "id") VALUES (?, coalesce(?, -9223372036854775808), ?);
DELETE FROM "flow_run__tags" WHERE "tag" = ? AND "sort_time" = coalesce(?, -9223372036854775808) AND "id" = ?;
UPDATE "flow_run" SET "state_id" = ?, "state_name" = ?, "row_version" = ? WHERE "id" = ?;
UPDATE "events" SET "payload" = ?, "row_version" = ? WHERE "occurred" = ? AND "id" = ?;
