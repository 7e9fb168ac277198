//! `/logs`: what runs logged.

use futures_util::stream;
use mintaka_api_filters::LogFilter;
use mintaka_core::records::{FlowRun, Log, log};
use mintaka_core::{Col, Direction, Filter, Query, Reader, Time, Value};
use mintaka_http::{ApiError, Bytes, Client, Ctx, Input, Out, Page, Raw, View, When, list, read, sort};
use mintaka_orchestration::ops::logs::{NewLog, keep_logs};
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use crate::Chapter;

sort! {
    /// Orders of log lines.
    pub LogSort {
        "TIMESTAMP_ASC" => [log::timestamp, Asc],
        "TIMESTAMP_DESC" => [log::timestamp, Desc],
    }
}

/// A log line to be kept.
#[derive(Debug, Object)]
pub(crate) struct LogCreate {
    /// Name of the logger.
    name: String,
    /// Level, as of Python's logging.
    level: i64,
    /// Text.
    message: String,
    /// When it was logged.
    timestamp: When,
    /// The flow run; need not exist.
    flow_run_id: Option<Uuid>,
    /// The task run; need not exist.
    task_run_id: Option<Uuid>,
}

/// Which log lines, in which order.
#[derive(Debug, Object)]
pub(crate) struct LogsQuery {
    logs: Option<LogFilter>,
    #[oai(flatten)]
    page: Page,
    /// By time if absent.
    sort: Option<LogSort>,
}

/// `/logs/`
#[derive(Clone)]
pub(crate) struct LogsRoot {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/logs/", tag = "Chapter::Logs")]
impl LogsRoot {
    /// Keeps log lines, all or none.
    #[oai(path = "/", method = "post", operation_id = "create_logs")]
    async fn create_logs(&self, body: Input<Vec<LogCreate>>) -> Result<Raw, ApiError> {
        let lines = body.0.into_iter().map(|line| NewLog {
            name: line.name,
            level: line.level,
            message: line.message,
            timestamp: line.timestamp.0,
            flow_run_id: line.flow_run_id,
            task_run_id: line.task_run_id,
        });
        keep_logs(&self.ctx.ops, lines).await?;
        Ok(Raw { status: StatusCode::CREATED, value: serde_json::Value::Null })
    }
}

/// `/logs`
#[derive(Clone)]
pub(crate) struct Logs {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/logs", tag = "Chapter::Logs")]
impl Logs {
    /// Lists log lines.
    #[oai(path = "/filter", method = "post", operation_id = "filter_logs")]
    async fn filter_logs(&self, client: Client, body: Input<LogsQuery>) -> Result<Out<Vec<View<Log>>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let filter = body.logs.as_ref().map_or_else(Filter::all, |logs| logs.to_filter(client.is_v2()));
        let order = body.sort.map_or_else(oldest_first, LogSort::order);
        let lines = list::<Log>(&self.ctx, filter, order, page).await?;
        Ok(Out(lines.into_iter().map(View::from).collect()))
    }
}

fn oldest_first() -> Vec<(Col, Direction)> {
    vec![(log::timestamp, Direction::Asc)]
}

/// `/flow_runs/{id}/logs`
#[derive(Clone)]
pub(crate) struct FlowRunLogs {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/flow_runs", tag = "Chapter::FlowRuns")]
impl FlowRunLogs {
    /// All log lines of a flow run as CSV.
    #[oai(path = "/:id/logs/download", method = "get", operation_id = "download_flow_run_logs")]
    async fn download_flow_run_logs(&self, id: Path<Uuid>) -> Result<Bytes, ApiError> {
        let run = read::<FlowRun>(&self.ctx, id.0, "Flow run").await?;
        let name = percent_encoded(&format!("{}-logs.csv", run.name));
        let disposition = format!("attachment; filename=\"flow-run-logs.csv\"; filename*=UTF-8''{name}");
        Ok(Bytes {
            content_type: "text/csv; charset=utf-8",
            headers: vec![("Content-Disposition", disposition)],
            body: poem::Body::from_bytes_stream(csv(self.ctx.reader.clone(), id.0)),
        })
    }
}

/// Lines of one read of a download.
const CSV_PAGE: u64 = 1000;

/// Where a download stands.
enum At {
    Start,
    After(Option<Vec<Value>>),
}

/// The lines of a flow run as CSV, a page at a time.
fn csv(reader: Reader, run: Uuid) -> impl stream::Stream<Item = Result<Vec<u8>, std::io::Error>> + Send + 'static {
    stream::try_unfold(At::Start, move |at| {
        let reader = reader.clone();
        async move {
            let after = match at {
                At::Start => {
                    let header = b"timestamp,level,flow_run_id,task_run_id,message\r\n".to_vec();
                    let from_the_first = Vec::new();
                    return Ok(Some((header, At::After(Some(from_the_first)))));
                }
                At::After(None) => return Ok(None),
                At::After(Some(after)) => after,
            };
            let mut query = Query::of(&log::TABLE).filter(Filter::eq(log::flow_run_id, run)).limit(CSV_PAGE);
            query.order = oldest_first();
            query.after = (!after.is_empty()).then_some(after);
            let lines = reader.select::<Log>(query).await.map_err(std::io::Error::other)?;
            let next = lines.last().filter(|_| lines.len() as u64 == CSV_PAGE);
            let next = next.map(|line| vec![Value::Time(line.timestamp), Value::Uuid(line.id)]);
            let text: String = lines.iter().map(|line| csv_line(line)).collect();
            Ok(Some((text.into_bytes(), At::After(next))))
        }
    })
}

fn csv_line(line: &Log) -> String {
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let (run, task) = (id(line.flow_run_id), id(line.task_run_id));
    format!("{},{},{run},{task},{}\r\n", csv_time(line.timestamp), line.level, csv_field(&line.message))
}

/// wire W13.7: a space between date and time, and a fraction only if there is one.
fn csv_time(time: Time) -> String {
    let fraction = if time.micros() % 1_000_000 == 0 { "" } else { "%.6f" };
    time.to_chrono().format(&format!("%Y-%m-%d %H:%M:%S{fraction}+00:00")).to_string()
}

/// Quoted only where it must be.
fn csv_field(text: &str) -> String {
    match text.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_quotes_what_it_must_and_shows_fractions_that_are() {
        for (text, field) in
            [("a b", "a b"), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""), ("a\nb", "\"a\nb\"")]
        {
            assert_eq!(csv_field(text), field);
        }
        let time = |text| csv_time(Time::parse(text).unwrap());
        assert_eq!(time("2026-01-01T00:00:00Z"), "2026-01-01 00:00:00+00:00");
        assert_eq!(time("2026-01-01T00:00:00.25Z"), "2026-01-01 00:00:00.250000+00:00");
        assert_eq!(percent_encoded("é /x"), "%C3%A9%20%2Fx");
    }
}
