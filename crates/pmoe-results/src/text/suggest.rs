//! Suggestions for unknown names.

use std::fmt::Display;

/// Smallest similarity of a suggestion, on a scale from 0 to 1.
const ALIKE: f64 = 0.6;

/// Returns the known name most similar to `name`, if any is similar enough; the first in a tie.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let mut best = (ALIKE, None);
    for candidate in known {
        let alike = strsim::normalized_damerau_levenshtein(&name, &candidate.to_lowercase());
        if alike > best.0 || (best.1.is_none() && alike >= ALIKE) {
            best = (alike, Some(candidate));
        }
    }
    best.1
}

/// Returns a suggestion to append to the error about an unknown `name`; empty if nothing is
/// similar.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"))
}

/// Rewrites an error message of serde for users: suggests a known name for an unknown one, and
/// replaces Rust types with words.
#[must_use]
pub fn explained(message: &str) -> String {
    if let Some(rest) = message.strip_prefix("unknown ") {
        // unknown field `a`, expected one of `b`, `c`
        let mut quoted = rest.split('`').skip(1).step_by(2);
        let name = quoted.next().unwrap_or_default();
        return message.to_owned() + &did_you_mean(name, quoted);
    }
    let plain = |kind: &str, most: &str| {
        let head = message.strip_suffix(kind)?.strip_suffix("expected ")?;
        Some(format!("{head}expected a whole number{most}, such as 2000, 2_000 or 2e3"))
    };
    plain("u32", " from 0 to 4_294_967_295")
        .or_else(|| plain("u64", " from 0 to 9_223_372_036_854_775_807"))
        .or_else(|| plain("usize", " from 0 to 9_223_372_036_854_775_807"))
        .unwrap_or_else(|| message.to_owned())
}

/// Lists the allowed names in words.
pub(crate) fn one_of(names: impl IntoIterator<Item = impl Display>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    format!("one of {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_or_none() {
        let methods = ["dac", "gating-sac", "pmoe-sac", "ppo", "sac"];
        for (name, meant) in [
            ("sca", Some("sac")),
            ("SAC", Some("sac")),
            ("pmoe_sac", Some("pmoe-sac")),
            ("gatingsac", Some("gating-sac")),
            ("td3", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, methods), meant, "{name}");
        }
        // The first name wins a tie.
        assert_eq!(nearest("Hoper", ["Hopper-v2", "Hopper-v4"]), None);
        assert_eq!(nearest("Hopper", ["Hopper-v2", "Hopper-v4"]), Some("Hopper-v2"));
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn messages_of_serde_are_explained() {
        let unknown = "unknown field `gama`, expected one of `gamma`, `tau`";
        assert_eq!(explained(unknown), format!("{unknown}; did you mean `gamma`?"));
        let variant = "unknown variant `best`, expected `sample` or `max`";
        assert_eq!(explained(variant), variant);
        assert_eq!(
            explained("invalid type: floating point `2.5`, expected usize"),
            "invalid type: floating point `2.5`, expected a whole number from 0 to \
             9_223_372_036_854_775_807, such as 2000, 2_000 or 2e3"
        );
        assert_eq!(
            explained("invalid value: integer `5000000000`, expected u32"),
            "invalid value: integer `5000000000`, expected a whole number from 0 to 4_294_967_295, \
             such as 2000, 2_000 or 2e3"
        );
        assert_eq!(explained("missing field `tau`"), "missing field `tau`");
    }
}
