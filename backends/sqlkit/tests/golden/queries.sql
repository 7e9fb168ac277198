-- every column of a table
SELECT t0."row_version", t0."id", t0."created", t0."updated", t0."name", t0."tags", t0."labels" FROM "flow" AS t0 ORDER BY t0."id" ASC LIMIT ?
-- [Int(200)]

-- newest first, second page
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 ORDER BY t0."sort_time" DESC, t0."id" DESC LIMIT ? OFFSET ?
-- [Int(50), Int(50)]

-- after a key
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE (t0."id") > (?) ORDER BY t0."id" ASC LIMIT ?
-- [Uuid(00000000-0000-0000-0000-000000000007), Int(200)]

-- after a position, ascending
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE ((t0."sort_time" > ?) OR (t0."sort_time" = ? AND t0."id" > ?)) AND t0."sort_time" >= ? ORDER BY t0."sort_time" ASC, t0."id" ASC LIMIT ?
-- [Time(1970-01-01T00:00:00.000009Z), Time(1970-01-01T00:00:00.000009Z), Uuid(00000000-0000-0000-0000-000000000007), Time(1970-01-01T00:00:00.000009Z), Int(200)]

-- after a position, descending
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE (((t0."sort_time" < ? OR t0."sort_time" IS NULL)) OR (t0."sort_time" = ? AND t0."id" < ?)) ORDER BY t0."sort_time" DESC, t0."id" DESC LIMIT ?
-- [Time(1970-01-01T00:00:00.000009Z), Time(1970-01-01T00:00:00.000009Z), Uuid(00000000-0000-0000-0000-000000000007), Int(200)]

-- after a null, ascending
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE ((t0."sort_time" IS NOT NULL) OR (t0."sort_time" IS NULL AND t0."id" > ?)) ORDER BY t0."sort_time" ASC, t0."id" ASC LIMIT ?
-- [Uuid(00000000-0000-0000-0000-000000000007), Int(200)]

-- after a null, descending
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE ((FALSE) OR (t0."sort_time" IS NULL AND t0."id" < ?)) ORDER BY t0."sort_time" DESC, t0."id" DESC LIMIT ?
-- [Uuid(00000000-0000-0000-0000-000000000007), Int(200)]

-- after a position in mixed directions
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE ((t0."name" < ?) OR (t0."name" = ? AND t0."created" > ?) OR (t0."name" = ? AND t0."created" = ? AND t0."id" > ?)) AND t0."name" <= ? ORDER BY t0."name" DESC, t0."created" ASC, t0."id" ASC LIMIT ?
-- [Text("n"), Text("n"), Time(1970-01-01T00:00:00.000009Z), Text("n"), Time(1970-01-01T00:00:00.000009Z), Uuid(00000000-0000-0000-0000-000000000007), Text("n"), Int(200)]

-- after a key of two columns
SELECT t0."row_version", t0."id" FROM "events" AS t0 WHERE (t0."occurred", t0."id") > (?, ?) ORDER BY t0."occurred" ASC, t0."id" ASC LIMIT ?
-- [Time(1970-01-01T00:00:00.000009Z), Uuid(00000000-0000-0000-0000-000000000007), Int(200)]

-- the tail of a stream
SELECT t0."row_version", t0."message" FROM "log" AS t0 WHERE t0."writer" = ? AND t0."seq" > ? ORDER BY t0."seq" ASC, t0."timestamp" ASC, t0."id" ASC LIMIT ?
-- [Int(1), Int(41), Int(200)]

-- some of each
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE t0."deployment_id" = ? ORDER BY t0."sort_time" ASC, t0."id" ASC LIMIT ?
-- [Null, Int(3)]

-- a frequent tag
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE EXISTS (SELECT 1 FROM "flow_run__tags" AS t1 WHERE t1."tag" IN (?) AND t1."sort_time" = coalesce(t0."sort_time", -9223372036854775808) AND t1."id" = t0."id") ORDER BY t0."sort_time" DESC, t0."id" DESC LIMIT ?
-- [Text("a"), Int(200)]

-- runs of many flows
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE EXISTS (SELECT 1 FROM "flow" AS t1 WHERE t1."id" = t0."flow_id" AND +t1."name" = ?) ORDER BY t0."sort_time" DESC, t0."id" DESC LIMIT ?
-- [Text("f"), Int(200)]

-- how many rows one part leaves
SELECT count(*) FROM (SELECT 1 FROM "flow_run__tags" WHERE "tag" IN (?) LIMIT ?) AS counted
-- [Text("a"), Int(2000)]

-- how many rows one part leaves
SELECT count(*) FROM (SELECT 1 FROM "flow_run" AS t0 WHERE t0."flow_id" IN (SELECT t1."id" FROM "flow" AS t1 WHERE t1."name" = ? LIMIT ?) LIMIT ?) AS counted
-- [Text("f"), Int(2000), Int(2000)]

