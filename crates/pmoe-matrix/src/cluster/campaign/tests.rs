use super::*;

fn job(index: usize, state: JobState) -> Job {
    let (node, reason) = (None, None);
    Job { index, id: format!("1_{index}"), state, has_begun: false, node, reason }
}

fn seen(env_step: u64, end: Option<JobEnd>) -> Seen {
    let note = Note { node: "n0".to_owned(), end, ..Note::begin(0, 0) };
    Seen { env_step, note: Some(note), ..Seen::default() }
}

fn failed() -> RunEnd {
    RunEnd::Failed("full disk".to_owned())
}

/// A campaign of one run that was submitted, to be told what became of it.
struct One(Campaign);

impl One {
    fn new() -> Self {
        Self(Campaign::new(1, 10, Budget::default()))
    }

    /// Its job is in the queue, then no longer, and this is seen.
    fn sees(&mut self, seen: Seen) -> Vec<Order> {
        assert_eq!(self.0.round(&[job(0, JobState::Running)], |_| unreachable!()), []);
        let orders = self.0.round(&[], |_| seen.clone());
        // It may rest.
        let rounds = (0..PATIENCE).map(|_| self.0.round(&[], |_| unreachable!()));
        if orders.is_empty() { rounds.flatten().next().into_iter().collect() } else { orders }
    }

    /// Repeats what is seen until something else is ordered than to submit it; returns how often that was ordered.
    fn sees_until(&mut self, seen: &Seen) -> (usize, Vec<Order>) {
        for submissions in 0..100 {
            let orders = self.sees(seen.clone());
            if orders != [Order::Submit(vec![0])] {
                return (submissions, orders);
            }
        }
        panic!("it is submitted for ever");
    }
}

#[test]
fn what_is_not_done_is_submitted_once() {
    let mut campaign = Campaign::new(4, 10, Budget::default());
    let look = |index| match index {
        0 => Seen { done: true, ..Seen::default() },
        // Left by an earlier submission.
        1 => seen(5, Some(JobEnd::Run(failed()))),
        _ => Seen::default(),
    };
    let orders = campaign.round(&[job(3, JobState::Queued)], look);
    assert_eq!(orders, [Order::Over(0, RunEnd::Done), Order::Submit(vec![1, 2])]);
    campaign.submitted(&[1, 2]);
    let jobs = [1, 2, 3].map(|index| job(index, JobState::Queued));
    assert_eq!(campaign.round(&jobs, |_| unreachable!()), []);
    assert!(!campaign.is_over());
    let done = |_| Seen { done: true, ..Seen::default() };
    assert_eq!(campaign.round(&[], done).len(), 3);
    assert!(campaign.is_over());
}

#[test]
fn what_the_queue_has_no_room_for_waits() {
    let mut campaign = Campaign::new(5, 3, Budget::default());
    let orders = campaign.round(&[job(4, JobState::Running)], |_| Seen::default());
    assert_eq!(orders, [Order::Submit(vec![0, 1])]);
    // Refused by the engine: none was counted, all are asked for again.
    assert_eq!(campaign.round(&[], |_| Seen::default()), [Order::Submit(vec![0, 1, 2])]);
}

#[test]
fn a_folder_is_read_at_first_and_after_a_job() {
    let mut campaign = Campaign::new(3, 1, Budget::default());
    let mut read = Vec::new();
    let mut round = |campaign: &mut Campaign, jobs: &[Job]| {
        let orders = campaign.round(jobs, |index| {
            read.push(index);
            if read.len() > 3 { seen(1, None) } else { Seen::default() }
        });
        (orders, std::mem::take(&mut read))
    };
    assert_eq!(round(&mut campaign, &[]), (vec![Order::Submit(vec![0])], vec![0, 1, 2]));
    campaign.submitted(&[0]);
    assert_eq!(round(&mut campaign, &[job(0, JobState::Running)]), (vec![], vec![]));
    assert_eq!(round(&mut campaign, &[]), (vec![Order::Submit(vec![0])], vec![0]));
}

#[test]
fn submissions_are_few_while_enough_wait() {
    let mut campaign = Campaign::new(1_000, 100, Budget::default());
    let look = |_| Seen { env_step: 1, ..Seen::default() };
    assert_eq!(campaign.round(&[], look), [Order::Submit((0..100).collect())]);
    campaign.submitted(&(0..100).collect::<Vec<_>>());
    let waiting = |from| (from..100).map(|index| job(index, JobState::Queued)).collect::<Vec<_>>();
    let begun = |_| seen(1, None);
    // Of 90 jobs, none waits less because of 10 more.
    for _ in 0..PATIENCE {
        assert_eq!(campaign.round(&waiting(10), begun), []);
    }
    let orders = campaign.round(&waiting(10), begun);
    assert_eq!(orders, [Order::Submit((0..10).collect())]);
    campaign.submitted(&(0..10).collect::<Vec<_>>());
    // Of 80, some may, because of 20.
    assert_eq!(campaign.round(&waiting(20), begun), [Order::Submit((0..20).collect())]);
}

#[test]
fn a_locked_run_rests() {
    let mut campaign = Campaign::new(1, 1, Budget::default());
    assert_eq!(campaign.round(&[job(0, JobState::Running)], |_| unreachable!()), []);
    let locked = |_| seen(0, Some(JobEnd::Run(RunEnd::Locked)));
    for _ in 0..PATIENCE {
        assert_eq!(campaign.round(&[], locked), []);
    }
    assert_eq!(campaign.round(&[], locked), [Order::Submit(vec![0])]);
}

#[test]
fn ends_that_another_start_would_repeat_are_final() {
    for end in [RunEnd::Diverged("NaN".to_owned()), RunEnd::Refused("unknown key".to_owned())] {
        let orders = One::new().sees(seen(0, Some(JobEnd::Run(end.clone()))));
        assert_eq!(orders, [Order::Over(0, end)]);
    }
}

#[test]
fn budgets_end_what_does_not_get_on() {
    let budget = Budget::default();
    let often = |seen: Seen| One::new().sees_until(&seen);
    let (submissions, orders) = often(seen(0, Some(JobEnd::Run(failed()))));
    assert_eq!((submissions + 1, orders), (3, vec![Order::Over(0, failed())]));
    let (submissions, orders) = often(seen(0, Some(JobEnd::Run(RunEnd::Locked))));
    assert_eq!((submissions + 1, orders), (10, vec![Order::Over(0, RunEnd::Locked)]));
    for lost in [None, Some(JobEnd::Run(RunEnd::Stopped)), Some(JobEnd::Run(RunEnd::Done))] {
        let (submissions, orders) = often(seen(0, lost));
        assert_eq!(submissions + 1, budget.losses as usize);
        let words = "its jobs ended 10 times without progress".to_owned();
        assert_eq!(orders, [Order::Over(0, RunEnd::Failed(words))]);
    }
}

#[test]
fn progress_renews_the_budgets() {
    let mut one = One::new();
    for step in 1..50 {
        assert_eq!(one.sees(seen(step, None)), [Order::Submit(vec![0])]);
    }
    let (submissions, _) = one.sees_until(&seen(49, None));
    assert_eq!(submissions + 2, Budget::default().losses as usize);
}

#[test]
fn jobs_that_never_begin_end_it_all_unless_others_did() {
    let (submissions, orders) = One::new().sees_until(&Seen::default());
    let silence = Obstacle::Silence { jobs: 3 };
    assert_eq!((submissions, orders), (2, vec![Order::GiveUp(silence)]));

    // Each of many is submitted once only, so that a cluster is not flooded.
    let mut many = Campaign::new(100, 100, Budget::default());
    let all: Vec<_> = (0..100).map(|index| job(index, JobState::Queued)).collect();
    assert_eq!(many.round(&all, |_| unreachable!()), []);
    let orders = many.round(&all[8..], |_| Seen::default());
    assert_eq!(orders, [Order::GiveUp(Obstacle::Silence { jobs: 8 })]);

    // One that is running says that others may be unlucky.
    let all: Vec<_> = (0..100).map(|index| job(index, JobState::Running)).collect();
    let mut many = Campaign::new(100, 100, Budget::default());
    let begun = Job { has_begun: true, ..job(99, JobState::Running) };
    assert_eq!(many.round(&all, |_| unreachable!()), []);
    let orders = many.round(&[&all[9..99], &[begun]].concat(), |_| Seen::default());
    assert_eq!(orders, [Order::Submit((0..9).collect())]);

    let mut one = One::new();
    assert_eq!(one.sees(seen(0, None)), [Order::Submit(vec![0])]);
    let (submissions, orders) = one.sees_until(&Seen::default());
    assert_eq!(submissions + 1, Budget::default().losses as usize);
    let words = "10 jobs of run 0 ended before they began".to_owned();
    assert_eq!(orders, [Order::Over(0, RunEnd::Failed(words))]);
}

#[test]
fn a_machine_that_can_run_nothing_ends_it_all() {
    let unfit = Some(JobEnd::Unfit("no MuJoCo".to_owned()));
    assert_eq!(
        One::new().sees(seen(0, unfit)),
        [Order::GiveUp(Obstacle::Unfit { node: "n0".to_owned(), reason: "no MuJoCo".to_owned() })]
    );
}
