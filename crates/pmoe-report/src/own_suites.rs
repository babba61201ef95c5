//! Suites that are not built in: the plan of their runs brings them along.

use pmoe_results::{Plan, Suite};

use crate::claims::{Claim, Test};
use crate::error::ReportError;
use crate::options::ReportOptions;
use crate::sources::Sources;

/// Suites, among them those that plans bring along, and the claims about them.
pub(crate) struct Own {
    pub(crate) suites: Vec<Suite>,
    pub(crate) claims: Vec<Claim>,
}

/// Returns the suites with those that plans bring along; none if no plan brings any.
pub(crate) fn own_suites(
    sources: &Sources,
    options: &ReportOptions<'_>,
) -> Result<Option<Own>, ReportError> {
    let mut own = Vec::new();
    for (folder, plan) in &sources.plans {
        for (name, text) in &plan.own_suites {
            // Its name is that of a file, and errors name it.
            own.push(Suite::parse(
                text,
                &folder.join(Plan::FILE).join(name).with_extension("toml"),
            )?);
        }
    }
    if own.is_empty() {
        return Ok(None);
    }
    let is_other = |name: &str| own.iter().all(|suite| suite.name != name);
    let is_of_other = |claim: &&Claim| match &claim.test {
        Test::Runs(test) => is_other(&test.suite),
        Test::Otherwise(_) => true,
    };
    let claims = options.claims.iter().filter(is_of_other).cloned();
    let claims = claims.chain(Claim::of_tables(&own)).collect();
    let others: Vec<Suite> =
        options.suites.iter().filter(|suite| is_other(&suite.name)).cloned().collect();
    Ok(Some(Own { suites: [own, others].concat(), claims }))
}
