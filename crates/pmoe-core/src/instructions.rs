//! Vector instructions: those that the processor has, and a limit for measurements.

use std::str::FromStr;
use std::sync::atomic::{AtomicU8, Ordering};

use pulp::Arch;

/// Vector instructions of the fused operations, from the narrowest to the widest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instructions {
    /// None: whatever the compiler makes of plain loops.
    Scalar,
    /// Neon of 64-bit ARM processors, 4 numbers at a time.
    Neon,
    /// AVX2 with fused multiply-adds, 8 numbers at a time.
    Avx2,
    /// AVX-512 (F, BW, CD, DQ, VL), 16 numbers at a time.
    Avx512,
}

/// The error of [`limit_instructions`] and of parsing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InstructionsError(String);

impl Instructions {
    /// All of them, from the narrowest to the widest.
    pub const ALL: [Self; 4] = [Self::Scalar, Self::Neon, Self::Avx2, Self::Avx512];

    /// Returns the name, as it is parsed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Returns the instructions in use: the widest that this processor has, or the limit.
    pub fn in_use() -> Self {
        Self::of(arch())
    }

    fn of(arch: Arch) -> Self {
        match arch {
            #[cfg(target_arch = "x86_64")]
            Arch::V4(_) => Self::Avx512,
            #[cfg(target_arch = "x86_64")]
            Arch::V3(_) => Self::Avx2,
            #[cfg(target_arch = "aarch64")]
            Arch::Neon(_) => Self::Neon,
            _ => Self::Scalar,
        }
    }

    /// Returns the way to use these instructions if this processor has them.
    fn arch(self) -> Option<Arch> {
        match self {
            Self::Scalar => Some(Arch::Scalar),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => pulp::x86::V3::try_new().map(Arch::V3),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => pulp::x86::V4::try_new().map(Arch::V4),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => pulp::aarch64::Neon::try_new().map(Arch::Neon),
            _ => None,
        }
    }
}

impl FromStr for Instructions {
    type Err = InstructionsError;

    fn from_str(name: &str) -> Result<Self, InstructionsError> {
        Self::ALL.into_iter().find(|it| it.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            InstructionsError(format!("no instructions are called `{name}`; there are {names}"))
        })
    }
}

/// Index in [`Instructions::ALL`]; anything beyond is no limit.
static LIMIT: AtomicU8 = AtomicU8::new(u8::MAX);

/// Makes the fused operations of the whole process use these instructions, to measure what others
/// would get. Call it before anything is computed: sums may round in another way from then on.
///
/// Matrix products without zeros to skip whose shape suits no product of ours, and all of burn's
/// own, are left to `gemm`, which chooses for itself.
///
/// # Errors
/// Returns an error if this processor does not have them.
pub fn limit_instructions(to: Instructions) -> Result<(), InstructionsError> {
    let Some(_) = to.arch() else {
        let has = Instructions::ALL.into_iter().filter(|it| it.arch().is_some());
        let has: Vec<_> = has.map(Instructions::name).collect();
        return Err(InstructionsError(format!(
            "this processor does not have `{}`; it has {}",
            to.name(),
            has.join(", ")
        )));
    };
    LIMIT.store(to as u8, Ordering::Relaxed);
    Ok(())
}

/// Whether less is used than the processor has.
pub(crate) fn is_limited() -> bool {
    Instructions::in_use() != Instructions::of(Arch::new())
}

/// Returns the way to use the instructions in use.
#[inline]
pub(crate) fn arch() -> Arch {
    let limit = LIMIT.load(Ordering::Relaxed);
    if limit == u8::MAX {
        return Arch::new();
    }
    Instructions::ALL.get(usize::from(limit)).and_then(|it| it.arch()).unwrap_or_default()
}
