use serde_json::{Value, json};

use crate::{V2, V3, api, id_of};

#[tokio::test]
async fn a_task_run_is_made_once_per_call() {
    let api = api();
    let flow = api.flow("etl").await;
    let run = api.flow_run(&flow, "run", "RUNNING").await;
    let body = json!({"flow_run_id": run, "task_key": "t", "dynamic_key": "0", "empirical_policy": {"retries": 2}});
    let made = api.expect(V3, "POST", "/task_runs/", body.clone(), 201).await;
    assert_eq!(
        (&made["state"]["type"], &made["empirical_policy"]["retries"], &made["flow_run_run_count"]),
        (&json!("PENDING"), &json!(2), &json!(0))
    );
    assert_eq!(made["labels"]["prefect.flow-run.id"], run);
    let again = api.expect(V3, "POST", "/task_runs/", body, 200).await;
    assert_eq!(again["id"], made["id"]);
    let unknown = json!({"flow_run_id": uuid::Uuid::nil(), "task_key": "t", "dynamic_key": "0"});
    api.expect(V3, "POST", "/task_runs/", unknown, 409).await;
    let own_id = uuid::Uuid::from_u128(9).to_string();
    let background = json!({"id": own_id, "task_key": "b", "dynamic_key": "1"});
    assert_eq!(api.make("/task_runs/", background).await, own_id);
}

#[tokio::test]
async fn a_task_run_runs_is_renamed_and_deleted() {
    let api = api();
    let flow = api.flow("etl").await;
    let run = api.flow_run(&flow, "run", "RUNNING").await;
    let task = api.task_run(&run, "t", "PENDING", json!({})).await;
    let set = api
        .expect(V3, "POST", &format!("/task_runs/{task}/set_state"), json!({"state": {"type": "RUNNING"}}), 201)
        .await;
    assert_eq!(set["status"], "ACCEPT");
    let path = format!("/task_runs/{task}");
    api.expect(V3, "PATCH", &path, json!({"name": "renamed"}), 204).await;
    let shown = api.expect(V3, "GET", &path, Value::Null, 200).await;
    assert_eq!(
        (&shown["name"], &shown["run_count"], &shown["flow_run_run_count"]),
        (&json!("renamed"), &json!(1), &json!(1))
    );
    let ui = api.expect(V3, "GET", &format!("/ui/task_runs/{task}"), Value::Null, 200).await;
    assert_eq!((&ui["flow_run_name"], &ui["state"], &ui["id"]), (&json!("run"), &shown["state"], &shown["id"]));
    let states = api.expect(V3, "GET", &format!("/task_run_states/?task_run_id={task}"), Value::Null, 200).await;
    assert_eq!(states.as_array().unwrap().len(), 2);
    let state = id_of(&states[0]);
    api.expect(V3, "DELETE", &path, Value::Null, 204).await;
    assert_eq!(api.expect(V3, "DELETE", &path, Value::Null, 404).await["detail"], "Task not found");
    assert_eq!(api.expect(V3, "PATCH", &path, json!({}), 404).await["detail"], "Task run not found");
    api.expect(V3, "GET", &format!("/task_run_states/{state}"), Value::Null, 404).await;
}

#[tokio::test]
async fn the_ui_counts_task_runs() {
    let api = api();
    let flow = api.flow("etl").await;
    let run = api.flow_run(&flow, "run", "RUNNING").await;
    let parent = api.task_run(&run, "parent", "RUNNING", json!({})).await;
    api.make("/flow_runs/", json!({"flow_id": flow, "parent_task_run_id": parent})).await;
    for (name, state) in [("a", "RUNNING"), ("b", "RUNNING"), ("c", "RUNNING")] {
        let id = api.task_run(&run, name, state, json!({})).await;
        api.clock.advance_seconds(60.0);
        let end = if name == "c" { "CRASHED" } else { "COMPLETED" };
        api.expect(
            V3,
            "POST",
            &format!("/task_runs/{id}/set_state"),
            json!({"state": {"type": end}, "force": true}),
            201,
        )
        .await;
    }
    let counts = api.ask("/ui/flow_runs/count-task-runs", json!({"flow_run_ids": [run]})).await;
    assert_eq!(counts, json!({run: 3}), "those that stand for flow runs do not count");
    let by_state = api.ask("/ui/task_runs/count", json!({})).await;
    assert_eq!(
        (by_state.as_object().unwrap().len(), &by_state["COMPLETED"], &by_state["CRASHED"], &by_state["PAUSED"]),
        (9, &json!(2), &json!(1), &json!(0))
    );
    let span =
        json!({"task_runs": {"start_time": {"after_": "2026-03-01T12:00:00Z", "before_": "2026-03-01T12:19:30Z"}}});
    let bars = api.ask("/ui/task_runs/dashboard/counts", span).await;
    assert_eq!(bars.as_array().unwrap().len(), 20);
    assert_eq!(
        (&bars[0], &bars[1], &bars[2]),
        (
            &json!({"completed": 1, "failed": 0}),
            &json!({"completed": 1, "failed": 0}),
            &json!({"completed": 0, "failed": 1})
        )
    );
    let refused = api.expect(V3, "POST", "/ui/task_runs/dashboard/counts", json!({"task_runs": {}}), 422).await;
    assert_eq!(refused["detail"], "task_runs.start_time.after_ is required");
}

#[tokio::test]
async fn inputs_of_a_task_run_that_no_client_could_read_are_refused() {
    let api = api();
    let made =
        |inputs: Value| json!({"task_key": "k", "dynamic_key": inputs.to_string(), "task_inputs": {"x": inputs}});
    for (inputs, status) in [
        (json!([{"input_type": "constant", "type": "int"}]), 201),
        (json!([]), 201),
        (json!([{"input_type": "task_run", "id": 1}]), 422),
        (json!([{}]), 422),
        (json!("x"), 422),
    ] {
        api.expect(V3, "POST", "/task_runs/", made(inputs), status).await;
    }
}

#[tokio::test]
async fn a_policy_that_cannot_be_is_refused_in_known_words() {
    let api = api();
    let table = [
        (json!({"retries": 3, "retry_delay": vec![1; 51]}), "Can not configure more than 50 retry delays per task."),
        (json!({"retries": 3, "retry_jitter_factor": -100}), "`retry_jitter_factor` must be >= 0."),
    ];
    for (policy, text) in table {
        for agent in [V2, V3] {
            let body = json!({"task_key": "t", "dynamic_key": "0", "empirical_policy": policy});
            let answer = api.expect(agent, "POST", "/task_runs/", body, 422).await;
            assert_eq!(answer["exception_detail"][0]["msg"], text);
        }
    }
}
