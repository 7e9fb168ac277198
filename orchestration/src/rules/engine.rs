//! The engine: one proposed transition through the rules of a policy.

use mintaka_core::records::StateType;

use super::bookkeeping;
use super::rule::{Effect, Exit, Moment, Need, Outcome, Rule, Ruling, Run, Unjudgeable, View};
use crate::caller::Caller;
use crate::state::{Proposed, State};
use crate::verdict::{Details, Status};

/// A transition to judge, and all that its rules may look at.
#[derive(Clone, Copy)]
pub struct Case<'a, R: Run> {
    /// The run.
    pub run: &'a R,
    /// The state that it is in.
    pub initial: Option<&'a State>,
    /// What else was read.
    pub around: &'a R::Around,
    /// Who asks.
    pub caller: &'a Caller,
    /// Time and chance.
    pub moment: &'a Moment,
}

/// What a judgement says must be written, and answered.
#[derive(Debug)]
pub struct Verdict<R> {
    /// The outcome.
    pub status: Status,
    /// Why.
    pub details: Details,
    /// The state to write, if any.
    pub state: Option<State>,
    /// The run as it shall be. Rules may change it even if no state is written.
    pub run: R,
    /// What else to write, in the order in which it was said.
    pub effects: Vec<Effect>,
}

/// The transition on its way through the rules.
struct Passage<R> {
    run: R,
    proposed: Option<Proposed>,
    status: Status,
    details: Details,
    effects: Vec<Effect>,
}

/// A rule that had its say before the write.
struct Entered<R: Run> {
    rule: &'static Rule<R>,
    /// The proposed type that it left; another one at the end takes back what it did.
    left: Option<StateType>,
    /// The run as it found it, if it may have to take back.
    found: Option<R>,
}

/// What has to be read before the rules that apply to a transition can judge it.
pub fn needs<R: Run>(policy: &[Rule<R>], from: Option<StateType>, to: StateType) -> Vec<Need> {
    let mut needs: Vec<Need> = applicable(policy, from, to).flat_map(|rule| rule.needs).copied().collect();
    needs.dedup();
    needs
}

fn applicable<R: Run>(policy: &[Rule<R>], from: Option<StateType>, to: StateType) -> impl Iterator<Item = &Rule<R>> {
    policy.iter().filter(move |rule| rule.from.has(from) && rule.to.has(Some(to)))
}

/// Judges a proposed transition.
///
/// The rules that apply to it have their say in the order of the policy. Once one changes the proposed type, those after
/// it are passed over. Then the state's [bookkeeping](super) is done, and the rules have a second say in reverse order,
/// unless a later rule changed what they left: then they take back what they did to the run. Who speaks last decides
/// status and details.
///
/// # Errors
/// [`Unjudgeable`]
pub fn judge<R: Run>(
    policy: &'static [Rule<R>],
    case: Case<'_, R>,
    mut want: Proposed,
) -> Result<Verdict<R>, Unjudgeable> {
    if want.r#type == StateType::Scheduled && want.details.scheduled_time.is_none() {
        want.details.scheduled_time = Some(case.moment.now);
    }
    let from = case.initial.map(|s| s.r#type);
    let to = want.r#type;
    let mut passage = Passage {
        run: case.run.clone(),
        proposed: Some(want),
        status: Status::Accept,
        details: Details::Accept {},
        effects: Vec::new(),
    };

    let mut entered: Vec<Entered<R>> = Vec::new();
    for rule in applicable(policy, from, to) {
        if let Some(entry) = enter(rule, to, &case, &mut passage)? {
            entered.push(entry);
        }
    }

    let state = passage.proposed.take().map(|proposed| {
        let timestamp =
            case.run.course().state_timestamp.map_or(case.moment.now, |last| case.moment.now.max(last.plus_micros(1)));
        let mut state = proposed.into_state(case.moment.state_id, timestamp);
        bookkeeping::enter(&mut passage.run, case.initial, &mut state, case.caller);
        passage.effects.extend(passage.run.consequences());
        state
    });

    for entry in entered.into_iter().rev() {
        leave(entry, state.as_ref(), &case, &mut passage)?;
    }
    let Passage { run, status, details, effects, .. } = passage;
    Ok(Verdict { status, details, state, run, effects })
}

/// The first say of a rule; `None` if it is passed over.
fn enter<R: Run>(
    rule: &'static Rule<R>,
    to: StateType,
    case: &Case<'_, R>,
    passage: &mut Passage<R>,
) -> Result<Option<Entered<R>>, Unjudgeable> {
    let Some(proposed) = &passage.proposed else {
        return Ok(rule.transform.then_some(Entered { rule, left: None, found: None }));
    };
    if proposed.r#type != to && !rule.transform {
        return Ok(None);
    }
    let mut entry = Entered { rule, left: Some(proposed.r#type), found: rule.cleanup.map(|_| passage.run.clone()) };
    let Some(before) = rule.before else {
        return Ok(Some(entry));
    };
    let view = View {
        run: &passage.run,
        initial: case.initial,
        proposed,
        around: case.around,
        caller: case.caller,
        moment: case.moment,
    };
    let Ruling { outcome, amended, run, effects } = before(&view);
    if let Some(amended) = amended {
        passage.proposed = Some(*amended);
    }
    if let Some(run) = run {
        passage.run = *run;
    }
    passage.effects.extend(effects);
    match outcome {
        Outcome::Pass => return Ok(Some(entry)),
        Outcome::Reject(state, reason) => {
            if state.is_none() && case.initial.is_none() {
                return Err(Unjudgeable::Stateless);
            }
            passage.proposed = state.map(|s| *s);
            passage.status = Status::Reject;
            passage.details = Details::Reject { reason: Some(reason) };
        }
        Outcome::Wait(delay_seconds, reason) => {
            passage.proposed = None;
            passage.status = Status::Wait;
            passage.details = Details::Wait { delay_seconds, reason: Some(reason) };
        }
        Outcome::Abort(reason) => {
            passage.proposed = None;
            passage.status = Status::Abort;
            passage.details = Details::Abort { reason: Some(reason) };
        }
    }
    entry.left = passage.proposed.as_ref().map(|p| p.r#type);
    Ok(Some(entry))
}

/// The second say of a rule.
fn leave<R: Run>(
    entry: Entered<R>,
    state: Option<&State>,
    case: &Case<'_, R>,
    passage: &mut Passage<R>,
) -> Result<(), Unjudgeable> {
    let rule = entry.rule;
    if rule.transform {
        if state.is_none() {
            return Ok(());
        }
    } else if !rule.to.has(entry.left) {
        return Ok(());
    } else if entry.left != state.map(|s| s.r#type) {
        if let (Some(cleanup), Some(found)) = (rule.cleanup, &entry.found) {
            passage.run = cleanup(found, &passage.run);
        }
        return Ok(());
    }
    if let Some(after) = rule.after {
        let exit = Exit {
            run: &passage.run,
            initial: case.initial,
            validated: state.or(case.initial),
            around: case.around,
            caller: case.caller,
            moment: case.moment,
        };
        let after = after(&exit)?;
        if let Some(run) = after.run {
            passage.run = *run;
        }
        passage.effects.extend(after.effects);
    }
    Ok(())
}
