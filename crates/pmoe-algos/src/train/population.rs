//! Several runs of one shape in lockstep.
//!
//! Each run keeps its environment, data, generators, events and checkpoints, so that it is the run that it is alone;
//! only choosing actions and learning happen for all at once, in a [`Lockstep`].

use pmoe_core::optim::LearnerError;
use pmoe_envs::Rng;
use pmoe_results::Sink;

use super::{Next, Scratch, Training, TrainingEnd};
use crate::agent::{Updates, finite_action};
use crate::algo::AnyAgent;
use crate::checkpoint::CheckpointError;
use crate::error::RunError;
use crate::sac::{Lockstep, Sac};

/// A run of a population, with the sink of its events.
pub struct Member<'a, 's> {
    /// The run.
    pub training: Training<'a, AnyAgent>,
    /// Where its events go.
    pub sink: &'s mut dyn Sink,
}

/// Runs that differ only in their seeds.
///
/// Those at the same step go in lockstep. A run that is behind, such as one that was killed before its checkpoint,
/// catches up first. A run that fails ends alone; the others go on.
pub struct Population<'a, 's> {
    runs: Vec<Run<'a, 's>>,
}

/// What a run of a population is made of.
struct Run<'a, 's> {
    training: Training<'a, AnyAgent>,
    sink: &'s mut dyn Sink,
    /// From the start of the run on.
    scratch: Option<Scratch>,
    end: Option<Result<TrainingEnd, RunError>>,
}

/// How far a run is: environment steps, stages of the step, gradient updates.
type Place = (u64, u8, u64);

impl<'a, 's> Population<'a, 's> {
    /// Creates a population of runs with the same settings and schedule.
    ///
    /// # Panics
    /// If the learner of a run is not [`Sac`]: see
    /// [`AlgoConfig::goes_in_lockstep`](crate::AlgoConfig::goes_in_lockstep).
    pub fn new(members: Vec<Member<'a, 's>>) -> Self {
        let run = |Member { training, sink }| {
            sac(&training);
            Run { training, sink, scratch: None, end: None }
        };
        Self { runs: members.into_iter().map(run).collect() }
    }

    /// Returns the runs in their current state.
    pub fn into_trainings(self) -> Vec<Training<'a, AnyAgent>> {
        self.runs.into_iter().map(|run| run.training).collect()
    }

    /// Trains until every run has ended, or an interrupt, and returns how each has ended: as by [`Training::run`].
    pub fn run(&mut self) -> Vec<Result<TrainingEnd, RunError>> {
        for run in &mut self.runs {
            let begun = run.training.begin(run.sink).map(|scratch| run.scratch = Some(scratch));
            run.end_unless(begun);
        }
        loop {
            for run in &mut self.runs {
                if run.end.is_none() && run.training.is_finished() {
                    run.end = Some(run.training.settle().map(|()| TrainingEnd::Done));
                }
            }
            let mut places: Vec<Place> = self.going().map(|run| run.place()).collect();
            places.sort_unstable();
            places.dedup();
            let Some(first) = places.first() else { break };
            let behind = self.going().filter(|run| run.place() == *first).collect();
            go_together(behind, places.get(1));
        }
        let ends = self.runs.iter_mut().map(|run| run.end.take());
        ends.map(|end| end.expect("every run has ended")).collect()
    }

    fn going(&mut self) -> impl Iterator<Item = &mut Run<'a, 's>> {
        self.runs.iter_mut().filter(|run| run.end.is_none())
    }
}

/// Trains runs that are at the same place until one of them ends, or they get to the next place.
fn go_together(mut runs: Vec<&mut Run<'_, '_>>, next: Option<&Place>) {
    let lockstep = Lockstep::new(&runs.iter().map(|run| sac(&run.training)).collect::<Vec<_>>());
    let mut lockstep = match lockstep {
        Ok(lockstep) => lockstep,
        Err(error) => return fail(&mut runs, &error),
    };
    loop {
        match runs[0].training.progress.next {
            Next::Act => act(&lockstep, &mut runs),
            Next::Learn => learn(&mut lockstep, &mut runs),
            Next::Evaluate => {
                let training = &runs[0].training;
                if training.is_evaluation_due() || training.is_save_due() {
                    write_back(&lockstep, &mut runs);
                }
                for run in &mut runs {
                    let evaluated = run.training.evaluate_and_save(run.sink);
                    run.end_unless(evaluated);
                }
            }
        }
        let is_interrupted = (runs[0].training.interrupt)();
        let has_arrived = |run: &&mut Run<'_, '_>| {
            run.training.is_finished() || next.is_some_and(|next| *next <= run.place())
        };
        let has_ended = |run: &&mut Run<'_, '_>| run.end.is_some();
        if is_interrupted || runs.iter().any(has_ended) || runs.iter().all(has_arrived) {
            write_back(&lockstep, &mut runs);
            if is_interrupted {
                runs.iter_mut().for_each(|run| run.interrupt());
            }
            return;
        }
    }
}

/// Chooses an action for each run and steps its environment.
fn act(lockstep: &Lockstep, runs: &mut [&mut Run<'_, '_>]) {
    let obs: Vec<f32> = runs.iter().flat_map(|run| run.scratch().obs.iter().copied()).collect();
    let parts = runs.iter_mut().map(|run| {
        let Training { agent, progress, .. } = &mut run.training;
        (&*sac_mut(agent), &mut progress.seeds.explore)
    });
    let (sacs, mut rngs): (Vec<&Sac>, Vec<&mut Rng>) = parts.unzip();
    let actions = lockstep.explore(&sacs, &obs, &mut rngs);
    let action_dim = actions.len() / sacs.len();
    for (run, action) in runs.iter_mut().zip(actions.chunks_exact(action_dim)) {
        let stepped = run.act(action);
        run.end_unless(stepped);
    }
}

/// Does the updates that are due in each run.
fn learn(lockstep: &mut Lockstep, runs: &mut [&mut Run<'_, '_>]) {
    let (interrupt, is_log_step) = (runs[0].training.interrupt, runs[0].training.is_log_step());
    let parts = runs.iter_mut().map(|run| {
        let Training { agent, progress, .. } = &mut run.training;
        (sac_mut(agent), &mut progress.seeds.learn)
    });
    let (mut sacs, mut rngs): (Vec<&mut Sac>, Vec<&mut Rng>) = parts.unzip();
    let updates: Updates = lockstep.update(&mut sacs, &mut rngs, interrupt);
    if is_log_step {
        lockstep.write_back_latest(&mut sacs);
    }
    for run in runs {
        let logged = run.training.log(updates, run.sink);
        run.end_unless(logged);
    }
}

/// Gives each run its networks.
fn write_back(lockstep: &Lockstep, runs: &mut [&mut Run<'_, '_>]) {
    let mut sacs: Vec<&mut Sac> = runs.iter_mut().map(|run| sac_mut(run.training.agent)).collect();
    if let Err(error) = lockstep.write_back(&mut sacs) {
        fail(runs, &error);
    }
}

/// Ends all runs with an error of their common networks.
fn fail(runs: &mut [&mut Run<'_, '_>], error: &LearnerError) {
    for run in runs {
        let error = CheckpointError::Content {
            part: "the networks of the population".to_owned(),
            reason: error.to_string(),
        };
        run.end_unless::<()>(Err(error.into()));
    }
}

impl Run<'_, '_> {
    fn place(&self) -> Place {
        let progress = &self.training.progress;
        let stage = match progress.next {
            Next::Learn => 0,
            Next::Evaluate => 1,
            Next::Act => 2,
        };
        (progress.env_step, stage, progress.grad_step)
    }

    fn scratch(&self) -> &Scratch {
        self.scratch.as_ref().expect("the run has begun")
    }

    fn act(&mut self, action: &[f32]) -> Result<(), RunError> {
        finite_action(action, self.training.progress.grad_step)?;
        let scratch = self.scratch.as_mut().expect("the run has begun");
        self.training.step(action, scratch, self.sink)
    }

    fn interrupt(&mut self) {
        if self.end.is_none() && !self.training.is_finished() {
            let saved = self.training.save(self.sink);
            self.end = Some(saved.map(|()| TrainingEnd::Interrupted));
        }
    }

    /// Ends the run if something has failed.
    fn end_unless<T>(&mut self, result: Result<T, RunError>) {
        if let Err(error) = result {
            self.end.get_or_insert(Err(error));
        }
    }
}

fn sac<'a>(training: &'a Training<'_, AnyAgent>) -> &'a Sac {
    match &*training.agent {
        AnyAgent::Sac(sac) => sac,
        _ => panic!("only SAC goes in lockstep"),
    }
}

fn sac_mut(agent: &mut AnyAgent) -> &mut Sac {
    match agent {
        AnyAgent::Sac(sac) => sac,
        _ => panic!("only SAC goes in lockstep"),
    }
}
