//! What somebody may have meant who wrote a name that is not known.

use std::fmt::Display;

/// How much of two names must agree, of 1.
const ALIKE: f64 = 0.6;

/// The known name that is most like `name`, if one is like it; of several the first.
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

/// `; did you mean `x`?`, to be put behind a message that `name` is not known; empty if nothing is like it.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"))
}

/// A message of serde's as it should reach people: what was meant by an unknown name, and no types of Rust.
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

/// The names that are allowed, in words.
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
        // Of names that are as near the first.
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
