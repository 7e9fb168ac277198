-- What a history of runs sums up stands in the index by which it finds them, so it reads nothing else. Flow runs by name and
-- by the time at which they ended.
DROP INDEX "ix_flow_run__expected_start_time";
CREATE INDEX "ix_flow_run__history" ON "flow_run" ("expected_start_time", "state_type", "state_name", "state_timestamp", "start_time", "start_delay", "total_run_time", "id");
CREATE INDEX "ix_flow_run__name" ON "flow_run" ("name", "id");
CREATE INDEX "ix_flow_run__end_time" ON "flow_run" ("end_time", "id");
DROP INDEX "ix_task_run__expected_start_time";
CREATE INDEX "ix_task_run__history" ON "task_run" ("expected_start_time", "state_type", "state_name", "state_timestamp", "start_time", "start_delay", "total_run_time", "id");
