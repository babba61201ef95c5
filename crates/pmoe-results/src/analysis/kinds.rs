//! What all kinds of analyses have in common, written once for the list of them.

/// Declares [`AnalysisKind`](super::AnalysisKind), [`AnalysisSettings`](super::AnalysisSettings) and
/// [`Analysis`](super::Analysis) from one row per kind: type, name in files and arguments, type of its
/// settings, and what it is.
///
/// The two types hold what differs between kinds: `check` and `measures` of what was seen, `check` and
/// `work` of the settings.
macro_rules! analyses {
    ($($Kind:ident($name:literal): $Settings:ident, $about:literal;)+) => {
        /// A kind of analysis.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        pub enum AnalysisKind {
            $(#[doc = concat!($about, ".")] #[serde(rename = $name)] $Kind,)+
        }

        impl AnalysisKind {
            /// All kinds.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$Kind),+];

            /// Its name in files and arguments.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$Kind => $name,)+
                }
            }

            /// What it is, in words.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$Kind => $about,)+
                }
            }
        }

        /// Settings of one analysis.
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub enum AnalysisSettings {
            $(#[doc = concat!($about, ".")] #[serde(rename = $name)] $Kind($Settings),)+
        }

        impl AnalysisSettings {
            /// The kind of the analysis.
            #[must_use]
            pub fn kind(&self) -> AnalysisKind {
                match self {
                    $(Self::$Kind(_) => AnalysisKind::$Kind,)+
                }
            }

            /// What the analysis of a run of this seed takes.
            #[must_use]
            pub fn work(&self, seed: u64) -> Work {
                match self {
                    $(Self::$Kind(settings) => settings.work(seed),)+
                }
            }

            fn from_table(
                kind: AnalysisKind,
                table: toml::Table,
                place: &str,
            ) -> Result<Self, crate::error::ResultsError> {
                Ok(match kind {
                    $(AnalysisKind::$Kind => Self::$Kind(settings::read(table, place)?),)+
                })
            }

            fn to_table(&self) -> Result<toml::Table, toml::ser::Error> {
                match self {
                    $(Self::$Kind(settings) => toml::Table::try_from(settings),)+
                }
            }

            /// Whether every value is in its range.
            fn check(&self, bounds: &settings::Bounds<'_>) -> Result<(), crate::error::ResultsError> {
                match self {
                    $(Self::$Kind(settings) => settings.check(bounds),)+
                }
            }
        }

        /// What was seen of a run.
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub enum Analysis {
            $(#[doc = concat!($about, ".")] #[serde(rename = $name)] $Kind($Kind),)+
        }

        impl Analysis {
            /// Its kind.
            #[must_use]
            pub fn kind(&self) -> AnalysisKind {
                match self {
                    $(Self::$Kind(_) => AnalysisKind::$Kind,)+
                }
            }

            /// The settings it was made with.
            #[must_use]
            pub fn settings(&self) -> AnalysisSettings {
                match self {
                    $(Self::$Kind(seen) => AnalysisSettings::$Kind(Clone::clone(&seen.settings)),)+
                }
            }

            /// The numbers that tables, statistics and verdicts use; one that says nothing here is left out.
            #[must_use]
            pub fn measures(&self) -> Vec<(Quantity, f64)> {
                match self {
                    $(Self::$Kind(seen) => seen.measures(),)+
                }
            }

            /// Whether its parts fit together: what reads it need not ask again.
            ///
            /// The error is the part, with what it must be.
            fn check(&self) -> Result<(), (&'static str, &'static str)> {
                match self {
                    $(Self::$Kind(seen) => seen.check(),)+
                }
            }
        }

        $(
            impl From<$Kind> for Analysis {
                fn from(seen: $Kind) -> Self {
                    Self::$Kind(seen)
                }
            }

            impl TryFrom<Analysis> for $Kind {
                /// One of another kind.
                type Error = Analysis;

                fn try_from(analysis: Analysis) -> Result<Self, Analysis> {
                    match analysis {
                        Analysis::$Kind(seen) => Ok(seen),
                        other => Err(other),
                    }
                }
            }
        )+
    };
}
