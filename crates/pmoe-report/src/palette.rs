//! One colour per method, the same in every figure and table of a report.

use pmoe_results::Suite;

/// Okabe and Ito's palette, told apart with any colour vision, strongest contrast on white first.
/// Their yellow is left out: it can't be seen on white.
///
/// # Source
/// Okabe and Ito, *Color Universal Design* (2008).
const ON_LIGHT: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"];

/// The same hues, lighter where a dark page would swallow them.
const ON_DARK: [&str; 6] = ["#4aa3df", "#f08a3c", "#2fc79b", "#e39bc3", "#8fd0f5", "#f2bb4e"];

/// The methods of a report in the order of their colours.
#[derive(Debug)]
pub(crate) struct Palette {
    algos: Vec<String>,
}

impl Palette {
    /// The suites' methods come first, so that a method keeps its colour from report to report;
    /// then those found in `algos`, by name.
    pub(crate) fn new<'a>(suites: &[Suite], algos: impl Iterator<Item = &'a str>) -> Self {
        let mut known: Vec<String> = Vec::new();
        let mut found: Vec<_> = algos.collect();
        found.sort_unstable();
        for algo in suites.iter().flat_map(|suite| suite.algos.iter().map(String::as_str)) {
            push_new(&mut known, algo);
        }
        for algo in found {
            push_new(&mut known, algo);
        }
        Self { algos: known }
    }

    /// Place of a method in legends and tables.
    pub(crate) fn rank(&self, algo: &str) -> usize {
        self.algos.iter().position(|known| known == algo).unwrap_or(self.algos.len())
    }

    /// Colour of a method. Beyond six methods they come again.
    pub(crate) fn color(&self, algo: &str) -> usize {
        self.rank(algo) % ON_LIGHT.len()
    }
}

fn push_new(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

/// Colours of a drawing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ink {
    /// Fixed, dark on white: for files.
    File,
    /// By the page's style sheet, which knows whether it is light or dark there.
    Page,
}

impl Ink {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::File => "#222222",
            Self::Page => "currentColor",
        }
    }

    pub(crate) fn grid(self) -> &'static str {
        match self {
            Self::File => "#dddddd",
            Self::Page => "var(--line)",
        }
    }

    pub(crate) fn background(self) -> &'static str {
        match self {
            Self::File => "#ffffff",
            Self::Page => "none",
        }
    }

    pub(crate) fn method(self, index: usize) -> String {
        match self {
            Self::File => ON_LIGHT[index].to_owned(),
            Self::Page => format!("var(--method-{index})"),
        }
    }

    /// A method's colour for the lines behind: two fifths of it over the background.
    pub(crate) fn faint_method(self, index: usize) -> String {
        match self {
            Self::File => {
                let mixed = [1, 3, 5].map(|at| {
                    let channel = u8::from_str_radix(&ON_LIGHT[index][at..at + 2], 16);
                    let channel = channel.expect("the palette is written in hexadecimal");
                    0.4 * f64::from(channel) + 0.6 * 255.0
                });
                format!("#{:02x}{:02x}{:02x}", mixed[0] as u8, mixed[1] as u8, mixed[2] as u8)
            }
            Self::Page => format!("var(--faint-{index})"),
        }
    }
}

/// The style sheet's variables `--method-<i>`, for light (`false`) or dark pages.
pub(crate) fn css_variables(dark: bool) -> String {
    let colors = if dark { ON_DARK } else { ON_LIGHT };
    let variable = |(index, color): (usize, &str)| {
        format!(
            "--method-{index}:{color};\
             --faint-{index}:color-mix(in srgb,{color} 45%,var(--paper));"
        )
    };
    colors.into_iter().enumerate().map(variable).collect()
}
