CREATE TABLE "schema" (
  "version" INTEGER NOT NULL,
  "min_binary" TEXT NOT NULL
) STRICT;
CREATE TABLE "writer" (
  "id" INTEGER NOT NULL,
  "seq" INTEGER NOT NULL,
  "closed" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;

CREATE TABLE "flow" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "tags" TEXT NOT NULL,
  "labels" TEXT NOT NULL,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_flow__name" ON "flow" ("name");
CREATE INDEX "ix_flow__created" ON "flow" ("created", "id");

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
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_flow_run__flow_id_idempotency_key" ON "flow_run" ("flow_id", "idempotency_key");
CREATE INDEX "ix_flow_run__state_type_next" ON "flow_run" ("state_type", "next_scheduled_start_time", "id");
CREATE INDEX "ix_flow_run__deployment_state_next" ON "flow_run" ("deployment_id", "state_type", "next_scheduled_start_time", "id") WHERE "deployment_id" IS NOT NULL;
CREATE INDEX "ix_flow_run__work_queue_state_next" ON "flow_run" ("work_queue_id", "state_type", "next_scheduled_start_time", "id") WHERE "work_queue_id" IS NOT NULL;
CREATE INDEX "ix_flow_run__expected_start_time" ON "flow_run" ("expected_start_time", "id");
CREATE INDEX "ix_flow_run__sort_time" ON "flow_run" ("sort_time", "id");
CREATE INDEX "ix_flow_run__flow_id_sort_time" ON "flow_run" ("flow_id", "sort_time", "id");
CREATE INDEX "ix_flow_run__parent_task_run_id" ON "flow_run" ("parent_task_run_id", "id") WHERE "parent_task_run_id" IS NOT NULL;
CREATE TABLE "flow_run__tags" (
  "tag" TEXT NOT NULL,
  "sort_time" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  PRIMARY KEY ("tag", "sort_time", "id")
) STRICT, WITHOUT ROWID;

CREATE TABLE "flow_run_state" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "flow_run_id" BLOB NOT NULL,
  "type" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "timestamp" INTEGER NOT NULL,
  "message" TEXT,
  "state_details" TEXT NOT NULL,
  "data" TEXT,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE INDEX "ix_flow_run_state__flow_run_id_timestamp" ON "flow_run_state" ("flow_run_id", "timestamp", "id");

CREATE TABLE "flow_run_input" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "flow_run_id" BLOB NOT NULL,
  "key" TEXT NOT NULL,
  "value" TEXT NOT NULL,
  "sender" TEXT,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_flow_run_input__flow_run_id_key" ON "flow_run_input" ("flow_run_id", "key");

CREATE TABLE "task_run" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "flow_run_id" BLOB,
  "task_key" TEXT NOT NULL,
  "dynamic_key" TEXT NOT NULL,
  "cache_key" TEXT,
  "cache_expiration" INTEGER,
  "task_version" TEXT,
  "empirical_policy" TEXT NOT NULL,
  "tags" TEXT NOT NULL,
  "labels" TEXT NOT NULL,
  "state_id" BLOB,
  "task_inputs" TEXT NOT NULL,
  "state_type" TEXT,
  "state_name" TEXT,
  "state_timestamp" INTEGER,
  "run_count" INTEGER NOT NULL,
  "flow_run_run_count" INTEGER NOT NULL,
  "expected_start_time" INTEGER,
  "next_scheduled_start_time" INTEGER,
  "start_time" INTEGER,
  "end_time" INTEGER,
  "total_run_time" REAL NOT NULL,
  "sort_time" INTEGER,
  "start_delay" REAL,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_task_run__flow_run_id_task_key_dynamic_key" ON "task_run" ("flow_run_id", "task_key", "dynamic_key") WHERE "flow_run_id" IS NOT NULL;
CREATE INDEX "ix_task_run__task_key_dynamic_key" ON "task_run" ("task_key", "dynamic_key", "id");
CREATE INDEX "ix_task_run__state_type_next" ON "task_run" ("state_type", "next_scheduled_start_time", "id");
CREATE INDEX "ix_task_run__expected_start_time" ON "task_run" ("expected_start_time", "id");
CREATE TABLE "task_run__tags" (
  "tag" TEXT NOT NULL,
  "expected_start_time" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  PRIMARY KEY ("tag", "expected_start_time", "id")
) STRICT, WITHOUT ROWID;

CREATE TABLE "task_run_state" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "task_run_id" BLOB NOT NULL,
  "type" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "timestamp" INTEGER NOT NULL,
  "message" TEXT,
  "state_details" TEXT NOT NULL,
  "data" TEXT,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE INDEX "ix_task_run_state__task_run_id_timestamp" ON "task_run_state" ("task_run_id", "timestamp", "id");

CREATE TABLE "task_run_state_cache" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "cache_key" TEXT NOT NULL,
  "cache_expiration" INTEGER,
  "task_run_state_id" BLOB NOT NULL,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE INDEX "ix_task_run_state_cache__cache_key_created" ON "task_run_state_cache" ("cache_key", "created", "id");

CREATE TABLE "deployment" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "version" TEXT,
  "description" TEXT,
  "flow_id" BLOB NOT NULL,
  "paused" INTEGER NOT NULL,
  "tags" TEXT NOT NULL,
  "labels" TEXT NOT NULL,
  "parameters" TEXT NOT NULL,
  "enforce_parameter_schema" INTEGER NOT NULL,
  "parameter_openapi_schema" TEXT,
  "pull_steps" TEXT,
  "path" TEXT,
  "entrypoint" TEXT,
  "manifest_path" TEXT,
  "storage_document_id" BLOB,
  "infrastructure_document_id" BLOB,
  "infra_overrides" TEXT NOT NULL,
  "work_queue_id" BLOB,
  "work_queue_name" TEXT,
  "concurrency_options" TEXT,
  "last_polled" INTEGER,
  "status" TEXT NOT NULL,
  "created_by" TEXT,
  "updated_by" TEXT,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_deployment__flow_id_name" ON "deployment" ("flow_id", "name");
CREATE INDEX "ix_deployment__created" ON "deployment" ("created", "id");
CREATE INDEX "ix_deployment__name" ON "deployment" ("name", "id");
CREATE INDEX "ix_deployment__updated" ON "deployment" ("updated", "id");
CREATE INDEX "ix_deployment__status" ON "deployment" ("status", "id");
CREATE INDEX "ix_deployment__work_queue_id" ON "deployment" ("work_queue_id", "id") WHERE "work_queue_id" IS NOT NULL;
CREATE TABLE "deployment__tags" (
  "tag" TEXT NOT NULL,
  "created" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  PRIMARY KEY ("tag", "created", "id")
) STRICT, WITHOUT ROWID;

CREATE TABLE "deployment_schedule" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "deployment_id" BLOB NOT NULL,
  "schedule" TEXT NOT NULL,
  "active" INTEGER NOT NULL,
  "max_scheduled_runs" INTEGER,
  "parameters" TEXT NOT NULL,
  "slug" TEXT,
  "catchup" INTEGER NOT NULL,
  "max_active_runs" INTEGER,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_deployment_schedule__deployment_id_slug" ON "deployment_schedule" ("deployment_id", "slug");
CREATE INDEX "ix_deployment_schedule__deployment_id" ON "deployment_schedule" ("deployment_id", "id");

CREATE TABLE "work_pool" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "description" TEXT,
  "type" TEXT NOT NULL,
  "base_job_template" TEXT NOT NULL,
  "is_paused" INTEGER NOT NULL,
  "concurrency_limit" INTEGER,
  "status" TEXT,
  "storage_configuration" TEXT NOT NULL,
  "default_queue_id" BLOB NOT NULL,
  "last_transitioned_status_at" INTEGER,
  "last_status_event_id" BLOB,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_work_pool__name" ON "work_pool" ("name");
CREATE INDEX "ix_work_pool__type" ON "work_pool" ("type", "id");
CREATE INDEX "ix_work_pool__status" ON "work_pool" ("status", "id");

CREATE TABLE "work_queue" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "description" TEXT,
  "is_paused" INTEGER NOT NULL,
  "concurrency_limit" INTEGER,
  "priority" INTEGER NOT NULL,
  "work_pool_id" BLOB NOT NULL,
  "filter" TEXT,
  "last_polled" INTEGER,
  "status" TEXT NOT NULL,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_work_queue__work_pool_id_name" ON "work_queue" ("work_pool_id", "name");
CREATE INDEX "ix_work_queue__name" ON "work_queue" ("name", "id");
CREATE INDEX "ix_work_queue__status" ON "work_queue" ("status", "id");
CREATE INDEX "ix_work_queue__work_pool_id_priority" ON "work_queue" ("work_pool_id", "priority", "id");

CREATE TABLE "worker" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "work_pool_id" BLOB NOT NULL,
  "last_heartbeat_time" INTEGER,
  "heartbeat_interval_seconds" INTEGER,
  "status" TEXT NOT NULL,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_worker__work_pool_id_name" ON "worker" ("work_pool_id", "name");
CREATE INDEX "ix_worker__status" ON "worker" ("status", "id");

CREATE TABLE "agent" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "work_queue_id" BLOB NOT NULL,
  "last_activity_time" INTEGER,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_agent__name" ON "agent" ("name");
CREATE INDEX "ix_agent__work_queue_id" ON "agent" ("work_queue_id", "id");

CREATE TABLE "block_type" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "slug" TEXT NOT NULL,
  "logo_url" TEXT,
  "documentation_url" TEXT,
  "description" TEXT,
  "code_example" TEXT,
  "is_protected" INTEGER NOT NULL,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_block_type__slug" ON "block_type" ("slug");
CREATE INDEX "ix_block_type__name" ON "block_type" ("name", "id");

CREATE TABLE "block_schema" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "checksum" TEXT NOT NULL,
  "fields" TEXT NOT NULL,
  "block_type_id" BLOB NOT NULL,
  "capabilities" TEXT NOT NULL,
  "version" TEXT NOT NULL,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_block_schema__checksum_version" ON "block_schema" ("checksum", "version");
CREATE INDEX "ix_block_schema__block_type_id" ON "block_schema" ("block_type_id", "created", "id");
CREATE INDEX "ix_block_schema__created" ON "block_schema" ("created", "id");

CREATE TABLE "block_schema_reference" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "parent_block_schema_id" BLOB NOT NULL,
  "reference_block_schema_id" BLOB NOT NULL,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE INDEX "ix_block_schema_reference__parent" ON "block_schema_reference" ("parent_block_schema_id", "id");
CREATE INDEX "ix_block_schema_reference__reference" ON "block_schema_reference" ("reference_block_schema_id", "id");

CREATE TABLE "block_document" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "data" TEXT NOT NULL,
  "block_schema_id" BLOB NOT NULL,
  "block_type_id" BLOB NOT NULL,
  "block_type_name" TEXT,
  "is_anonymous" INTEGER NOT NULL,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_block_document__block_type_id_name" ON "block_document" ("block_type_id", "name");
CREATE INDEX "ix_block_document__block_schema_id" ON "block_document" ("block_schema_id", "id");
CREATE INDEX "ix_block_document__block_type_name_name" ON "block_document" ("block_type_name", "name", "id");
CREATE INDEX "ix_block_document__name" ON "block_document" ("name", "id");

CREATE TABLE "block_document_reference" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "parent_block_document_id" BLOB NOT NULL,
  "reference_block_document_id" BLOB NOT NULL,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE INDEX "ix_block_document_reference__parent" ON "block_document_reference" ("parent_block_document_id", "id");
CREATE INDEX "ix_block_document_reference__reference" ON "block_document_reference" ("reference_block_document_id", "id");

CREATE TABLE "artifact" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "key" TEXT,
  "type" TEXT,
  "description" TEXT,
  "data" TEXT,
  "metadata_" TEXT,
  "flow_run_id" BLOB,
  "task_run_id" BLOB,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE INDEX "ix_artifact__created" ON "artifact" ("created", "id");
CREATE INDEX "ix_artifact__key_created" ON "artifact" ("key", "created", "id");
CREATE INDEX "ix_artifact__flow_run_id" ON "artifact" ("flow_run_id", "created", "id") WHERE "flow_run_id" IS NOT NULL;
CREATE INDEX "ix_artifact__task_run_id" ON "artifact" ("task_run_id", "id") WHERE "task_run_id" IS NOT NULL;

CREATE TABLE "artifact_collection" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "key" TEXT NOT NULL,
  "latest_id" BLOB NOT NULL,
  "type" TEXT,
  "description" TEXT,
  "data" TEXT,
  "metadata_" TEXT,
  "flow_run_id" BLOB,
  "task_run_id" BLOB,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_artifact_collection__key" ON "artifact_collection" ("key");
CREATE INDEX "ix_artifact_collection__created" ON "artifact_collection" ("created", "id");
CREATE INDEX "ix_artifact_collection__latest_id" ON "artifact_collection" ("latest_id", "id");

CREATE TABLE "variable" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "value" TEXT NOT NULL,
  "tags" TEXT NOT NULL,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_variable__name" ON "variable" ("name");
CREATE INDEX "ix_variable__created" ON "variable" ("created", "id");
CREATE INDEX "ix_variable__updated" ON "variable" ("updated", "id");

CREATE TABLE "saved_search" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "filters" TEXT NOT NULL,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_saved_search__name" ON "saved_search" ("name");

CREATE TABLE "configuration" (
  "id" BLOB NOT NULL,
  "created" INTEGER NOT NULL,
  "updated" INTEGER NOT NULL,
  "key" TEXT NOT NULL,
  "value" TEXT NOT NULL,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uq_configuration__key" ON "configuration" ("key");

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
  PRIMARY KEY ("occurred", "id")
) STRICT;
CREATE INDEX "ix_events__id" ON "events" ("id", "occurred");
CREATE INDEX "ix_events__event_occurred" ON "events" ("event", "occurred", "id");
CREATE INDEX "ix_events__resource_id_occurred" ON "events" ("resource_id", "occurred", "id");
CREATE INDEX "ix_events__writer_seq" ON "events" ("writer", "seq", "occurred", "id");

CREATE TABLE "event_resources" (
  "occurred" INTEGER NOT NULL,
  "event_id" BLOB NOT NULL,
  "ordinal" INTEGER NOT NULL,
  "resource_id" TEXT NOT NULL,
  "resource_role" TEXT NOT NULL,
  "resource" TEXT NOT NULL,
  "row_version" INTEGER NOT NULL,
  PRIMARY KEY ("event_id", "resource_id", "ordinal")
) STRICT, WITHOUT ROWID;
CREATE INDEX "ix_event_resources__resource_id_occurred" ON "event_resources" ("resource_id", "occurred", "event_id", "ordinal");

CREATE TABLE "log" (
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
  PRIMARY KEY ("timestamp", "id")
) STRICT;
CREATE INDEX "ix_log__flow_run_id_timestamp" ON "log" ("flow_run_id", "timestamp", "id") WHERE "flow_run_id" IS NOT NULL;
CREATE INDEX "ix_log__task_run_id_timestamp" ON "log" ("task_run_id", "timestamp", "id") WHERE "task_run_id" IS NOT NULL;
CREATE INDEX "ix_log__writer_seq" ON "log" ("writer", "seq", "timestamp", "id");
