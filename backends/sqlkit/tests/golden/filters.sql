-- all
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 ORDER BY t0."id" ASC LIMIT ?
-- [Int(200)]

-- none
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE FALSE ORDER BY t0."id" ASC LIMIT ?
-- [Int(200)]

-- nested trivial
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 ORDER BY t0."id" ASC LIMIT ?
-- [Int(200)]

-- equal
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE t0."name" = ? ORDER BY t0."id" ASC LIMIT ?
-- [Text("a"), Int(200)]

-- not equal, never null
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE NOT (t0."name" = ?) ORDER BY t0."id" ASC LIMIT ?
-- [Text("a"), Int(200)]

-- not equal, nullable
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE NOT ((t0."state_name" IS NOT NULL AND t0."state_name" = ?)) ORDER BY t0."id" ASC LIMIT ?
-- [Text("Late"), Int(200)]

-- twice negated
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE NOT (NOT ((t0."state_name" IS NOT NULL AND t0."state_name" = ?))) ORDER BY t0."id" ASC LIMIT ?
-- [Text("Late"), Int(200)]

-- compared with null
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE FALSE ORDER BY t0."id" ASC LIMIT ?
-- [Int(200)]

-- a range of times
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE t0."start_time" >= ? ORDER BY t0."id" ASC LIMIT ?
-- [Time(1970-01-01T00:00:00.000005Z), Int(200)]

-- two columns
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE NOT ((t0."start_time" IS NOT NULL AND t0."expected_start_time" IS NOT NULL AND t0."start_time" > t0."expected_start_time")) ORDER BY t0."id" ASC LIMIT ?
-- [Int(200)]

-- any of three, rounded up to four
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE t0."id" IN (?, ?, ?, ?) ORDER BY t0."id" ASC LIMIT ?
-- [Uuid(00000000-0000-0000-0000-000000000001), Uuid(00000000-0000-0000-0000-000000000002), Uuid(00000000-0000-0000-0000-000000000003), Uuid(00000000-0000-0000-0000-000000000003), Int(200)]

-- any of nothing
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE FALSE ORDER BY t0."id" ASC LIMIT ?
-- [Int(200)]

-- not any, with a null
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE NOT ((t0."state_name" IS NOT NULL AND t0."state_name" IN (?))) ORDER BY t0."id" ASC LIMIT ?
-- [Text("a"), Int(200)]

-- null
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE t0."start_time" IS NULL ORDER BY t0."id" ASC LIMIT ?
-- [Int(200)]

-- and of or
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE t0."name" = ? AND (t0."state_name" = ? OR t0."state_name" IS NULL) ORDER BY t0."id" ASC LIMIT ?
-- [Text("a"), Text("Late"), Int(200)]

-- like, one column
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE t0."name" LIKE ? ORDER BY t0."id" ASC LIMIT ?
-- [Text("%a_B%"), Int(200)]

-- like, columns joined
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE (t0."name" || ' ' || coalesce(t0."flow_version", '')) LIKE ? ORDER BY t0."id" ASC LIMIT ?
-- [Text("%x%"), Int(200)]

-- contains
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE NOT (instr(lower(coalesce(t0."state_name", '')), ?) > 0) ORDER BY t0."id" ASC LIMIT ?
-- [Text("late"), Int(200)]

-- starts with
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE (t0."name" >= ? AND t0."name" < ?) ORDER BY t0."id" ASC LIMIT ?
-- [Text("ab\u{d7ff}"), Text("ab\u{e000}"), Int(200)]

-- starts with, nullable, negated
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE NOT ((t0."flow_version" IS NOT NULL AND (t0."flow_version" >= ? AND t0."flow_version" < ?))) ORDER BY t0."id" ASC LIMIT ?
-- [Text("v"), Text("w"), Int(200)]

-- starts with nothing
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE t0."flow_version" IS NOT NULL ORDER BY t0."id" ASC LIMIT ?
-- [Int(200)]

-- tags any
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE t0."id" IN (SELECT t1."id" FROM "flow_run__tags" AS t1 WHERE t1."tag" IN (?, ?)) ORDER BY t0."id" ASC LIMIT ?
-- [Text("a"), Text("b"), Int(200)]

-- tags any of nothing
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE FALSE ORDER BY t0."id" ASC LIMIT ?
-- [Int(200)]

-- tags all
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE (t0."id" IN (SELECT t1."id" FROM "flow_run__tags" AS t1 WHERE t1."tag" IN (?)) AND t0."id" IN (SELECT t2."id" FROM "flow_run__tags" AS t2 WHERE t2."tag" IN (?))) ORDER BY t0."id" ASC LIMIT ?
-- [Text("a"), Text("b"), Int(200)]

-- tags all of nothing
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE (TRUE) ORDER BY t0."id" ASC LIMIT ?
-- [Int(200)]

-- tags empty
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE coalesce(t0."tags", '[]') = '[]' ORDER BY t0."id" ASC LIMIT ?
-- [Int(200)]

-- has a parent
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE t0."flow_id" IN (SELECT t1."id" FROM "flow" AS t1 WHERE (t1."name" = ? AND EXISTS (SELECT 1 FROM json_each(t1."tags") AS j WHERE j.value IN (?)))) ORDER BY t0."id" ASC LIMIT ?
-- [Text("f"), Text("unindexed"), Int(200)]

-- has no such parent
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE NOT ((t0."deployment_id" IS NOT NULL AND t0."deployment_id" IN (SELECT t1."id" FROM "deployment" AS t1 WHERE t1."paused" = ?))) ORDER BY t0."id" ASC LIMIT ?
-- [Bool(true), Int(200)]

-- has no child
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE NOT (EXISTS (SELECT 1 FROM "task_run" AS t1 WHERE t1."flow_run_id" = t0."id")) ORDER BY t0."id" ASC LIMIT ?
-- [Int(200)]

-- three deep, one table twice
SELECT t0."row_version", t0."id" FROM "flow_run" AS t0 WHERE t0."deployment_id" IN (SELECT t1."id" FROM "deployment" AS t1 WHERE t1."flow_id" IN (SELECT t2."id" FROM "flow" AS t2 WHERE EXISTS (SELECT 1 FROM "flow_run" AS t3 WHERE t3."flow_id" = t2."id" AND NOT ((t3."state_name" IS NOT NULL AND t3."state_name" = ?))))) ORDER BY t0."id" ASC LIMIT ?
-- [Text("Late"), Int(200)]

