-- count
SELECT count(*) FROM "flow_run" AS t0 WHERE t0."auto_scheduled" = ? LIMIT ?
-- [Bool(true), Int(1)]

-- nothing of everything
SELECT count(*) FROM "flow_run" AS t0 LIMIT ?
-- [Int(100)]

-- measures of all
SELECT sum(CAST(t0."start_time" - (-5) AS REAL)), min(t0."start_time"), max(t0."start_time"), sum(t0."total_run_time") FROM "flow_run" AS t0 LIMIT ?
-- [Int(100)]

-- history
SELECT ((t0."expected_start_time" - 7) / 60000000 - ((t0."expected_start_time" - 7) % 60000000 < 0)), t0."state_type", count(*) FROM "flow_run" AS t0 GROUP BY 1, 2 ORDER BY 1 ASC, 2 ASC LIMIT ?
-- [Int(100)]

-- the largest groups first
SELECT t0."deployment_id", count(*), count(DISTINCT t0."flow_id") FROM "flow_run" AS t0 GROUP BY 1 ORDER BY 2 DESC, 1 ASC LIMIT ?
-- [Int(100)]

