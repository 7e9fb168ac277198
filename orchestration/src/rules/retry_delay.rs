//! How long a failed task run waits before it is retried.

use crate::run_policy::TaskRunPolicy;

/// Seconds before the retry of a task run that has run `run_count` times; `uniform` is a random number from 0 to 1.
pub(super) fn seconds(policy: &TaskRunPolicy, run_count: i64, uniform: f64) -> f64 {
    let base = policy.retry_delay.as_ref().map_or(0.0, |delay| delay.after(run_count));
    match policy.retry_jitter_factor {
        Some(factor) if factor > 0.0 && base > 0.0 => jittered(base, factor, uniform),
        _ => base,
    }
}

/// An exponentially distributed interval with mean near `average`, at most `average * (1 + factor)`, and not below the
/// bound that cuts off as much probability under the median as the upper bound does above it.
fn jittered(average: f64, factor: f64, uniform: f64) -> f64 {
    let upper = 1.0 + factor;
    // Multiples of the average; beyond 50 the lower bound is 0 in floats, and 2^upper would soon overflow.
    let lower = if upper >= 50.0 {
        0.0
    } else {
        let power = upper.exp2();
        (power / (power - 1.0)).log2().max(0.0)
    };
    let cumulated = |multiple: f64| 1.0 - (-multiple).exp();
    let chosen = cumulated(lower) + uniform * (cumulated(upper) - cumulated(lower));
    -(1.0 - chosen).max(1e-10).ln() * average
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_between_its_bounds() {
        for factor in [0.1, 0.3, 1.0, 3.0, 100.0] {
            let (mut last, mut sum) = (0.0, 0.0);
            for n in 0..=1000 {
                let interval = jittered(10.0, factor, f64::from(n) / 1000.0);
                assert!(interval >= last && interval <= 10.0 * (1.0 + factor) + 1e-6, "{factor} {n} {interval}");
                last = interval;
                sum += interval / 1001.0;
            }
            assert!((5.0..=14.0).contains(&sum), "mean {sum} with factor {factor}");
        }
    }

    #[test]
    fn there_is_no_jitter_without_a_delay() {
        let policy = |text: &str| serde_json::from_str::<TaskRunPolicy>(text).unwrap();
        assert_eq!(seconds(&policy(r#"{"retry_jitter_factor":1.0}"#), 1, 0.5), 0.0);
        assert_eq!(seconds(&policy(r#"{"retry_delay":7,"retry_jitter_factor":0.0}"#), 1, 0.5), 7.0);
        assert_eq!(seconds(&policy(r#"{"retry_delay":[1,4]}"#), 2, 0.5), 4.0);
        assert!(seconds(&policy(r#"{"retry_delay":7,"retry_jitter_factor":1.0}"#), 1, 1.0) > 7.0);
    }
}
