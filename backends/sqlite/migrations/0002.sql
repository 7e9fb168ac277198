-- Who created a flow run, as columns that filters ask; and the runs that a flow run made, by an index.
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
