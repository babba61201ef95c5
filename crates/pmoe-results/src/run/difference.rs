//! How the config in a folder differs from the one of the run that is to go there.

use super::manifest::{Manifest, Status};

/// The budget of a finished run whose config differs from `wanted` by a smaller budget alone.
pub(super) fn smaller_budget(
    found: &toml::Table,
    wanted: &toml::Table,
    manifest: Option<&Manifest>,
) -> Option<u64> {
    let manifest = manifest.filter(|manifest| manifest.status == Status::Done)?;
    let budget = |config: &toml::Table| {
        let steps = config.get("schedule")?.get("total_steps")?.as_integer()?;
        u64::try_from(steps).ok()
    };
    let is_smaller = manifest.total_steps < budget(wanted)?;
    // The config has the larger one already where extending was interrupted.
    let is_known = budget(found) == Some(manifest.total_steps) || budget(found) == budget(wanted);
    (is_smaller && is_known && other_than_budget(found, wanted).is_none())
        .then_some(manifest.total_steps)
}

/// The first difference of two configs, apart from the number of environment steps.
pub(super) fn other_than_budget(
    found: &toml::Table,
    wanted: &toml::Table,
) -> Option<(String, String, String)> {
    let without_budget = |config: &toml::Table| {
        let mut config = config.clone();
        let schedule = config.get_mut("schedule").and_then(toml::Value::as_table_mut);
        schedule.map(|schedule| schedule.remove("total_steps"));
        config
    };
    first_difference(&without_budget(found), &without_budget(wanted))
}

/// The first key, dotted, whose value differs, with both values; keys in alphabetical order.
pub(super) fn first_difference(
    found: &toml::Table,
    expected: &toml::Table,
) -> Option<(String, String, String)> {
    let show = |value: Option<&toml::Value>| value.map_or("absent".to_owned(), ToString::to_string);
    let mut keys: Vec<_> = found.keys().chain(expected.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().find_map(|key| match (found.get(key), expected.get(key)) {
        (Some(toml::Value::Table(found)), Some(toml::Value::Table(expected))) => {
            first_difference(found, expected)
                .map(|(inner, found, expected)| (format!("{key}.{inner}"), found, expected))
        }
        (found, expected) if found == expected => None,
        (found, expected) => Some((key.clone(), show(found), show(expected))),
    })
}
