//! Derives claims from the tables of the paper's numbers in the suites.

use pmoe_results::{Quantity, Suite};

use super::{Claim, Relation, RunTest, Test, Than};

impl Claim {
    /// Returns the claims of the paper's tables, number by number. Each AUC is above or below the
    /// reference's. At each noise level, the highest return is above every other one.
    #[must_use]
    pub fn of_tables(suites: &[Suite]) -> Vec<Self> {
        suites.iter().flat_map(|suite| of_auc(suite).into_iter().chain(of_noise(suite))).collect()
    }
}

fn of_auc(suite: &Suite) -> Vec<Claim> {
    let mut claims = Vec::new();
    // The order is the suite's, not alphabetical.
    for method in suite.methods.iter().filter(|method| method.name != suite.reference) {
        for task in &suite.tasks {
            let percent = suite.paper.auc.get(&method.name).and_then(|of| of.get(task));
            let (percent, side, is) = match percent {
                Some(percent) if *percent < 100.0 => (percent, "below", Relation::Lower),
                Some(percent) if 100.0 < *percent => (percent, "above", Relation::Higher),
                // A value equal to the reference's implies no direction.
                _ => continue,
            };
            let (name, reference) = (&method.name, &suite.reference);
            claims.push(Claim {
                id: format!("{}-{name}-{task}", suite.name),
                place: place(suite),
                says: format!(
                    "On {task} the AUC of {name} is {side} {reference}'s ({percent:.1} % printed)."
                ),
                test: test(suite, task, Quantity::Auc, [name, reference], is),
            });
        }
    }
    claims
}

fn of_noise(suite: &Suite) -> Vec<Claim> {
    let mut claims = Vec::new();
    let levels = Quantity::ALL.into_iter().filter_map(|of| Some((of, of.obs_noise()?)));
    for (quantity, obs_noise) in levels {
        for task in &suite.tasks {
            let of_method = |name: &str| suite.paper.noise_return(name, task, obs_noise);
            let printed: Vec<_> =
                suite.methods.iter().filter_map(|method| of_method(&method.name)).collect();
            let Some(best) = printed.iter().copied().max_by(|a, b| a.mean.total_cmp(&b.mean))
            else {
                continue;
            };
            for other in printed.iter().filter(|other| other.mean < best.mean) {
                let (name, than) = (&best.method, &other.method);
                let noise = match obs_noise {
                    0.0 => "without noise".to_owned(),
                    _ => format!("with noise of {obs_noise} on what it sees"),
                };
                claims.push(Claim {
                    id: format!("{}-{obs_noise}-{than}-{task}", suite.name),
                    place: place(suite),
                    says: format!(
                        "On {task}, {noise}, the return of a trained {name} is above {than}'s ({:.1} and {:.1} \
                         printed).",
                        best.mean, other.mean
                    ),
                    test: test(suite, task, quantity, [name, than], Relation::Higher),
                });
            }
        }
    }
    claims
}

/// Returns the table among the suite's items.
fn place(suite: &Suite) -> String {
    let table = suite.item.split(", ").find(|item| item.starts_with("Table"));
    table.unwrap_or(&suite.item).to_owned()
}

fn test(
    suite: &Suite,
    task: &String,
    quantity: Quantity,
    [method, than]: [&String; 2],
    is: Relation,
) -> Test {
    Test::Runs(RunTest {
        suite: suite.name.clone(),
        task: Some(task.clone()),
        quantity,
        method: method.clone(),
        than: Than::Method(than.clone()),
        is,
        paper: suite.paper_ratio(quantity, method, than, std::slice::from_ref(task)),
    })
}
