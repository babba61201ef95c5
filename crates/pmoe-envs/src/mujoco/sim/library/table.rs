//! MuJoCo's functions as jumps through a table of addresses.
#![expect(unsafe_code, reason = "jumps to functions that the compiler does not see")]

use std::arch::global_asm;
use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, Ordering};

use libloading::os::unix::Library;

use super::functions::with_functions;

/// Defines `NAMES`, each zero-terminated, and for each name its function and its slot in the table.
///
/// The functions are hidden symbols: MuJoCo itself, which calls functions of the same names, must
/// not find them.
macro_rules! define {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(concat!(stringify!($name), "\0")),*];

        global_asm!(
            ".macro pmoe_jump name",
            ".pushsection .text.pmoe_mujoco, \"ax\", @progbits",
            ".balign 8",
            ".globl \\name",
            ".hidden \\name",
            ".type \\name, @function",
            "\\name:",
            jump!(),
            ".size \\name, . - \\name",
            ".popsection",
            ".pushsection .data.pmoe_mujoco, \"aw\", @progbits",
            ".Lpmoe_\\name:",
            ".quad {unloaded}",
            ".popsection",
            ".endm",
            ".pushsection .data.pmoe_mujoco, \"aw\", @progbits",
            ".balign 8",
            ".globl pmoe_mujoco_slots",
            ".hidden pmoe_mujoco_slots",
            "pmoe_mujoco_slots:",
            ".popsection",
            $(concat!("pmoe_jump ", stringify!($name)),)*
            unloaded = sym unloaded,
        );
    };
}

#[cfg(target_arch = "x86_64")]
macro_rules! jump {
    () => {
        "jmp qword ptr [rip + .Lpmoe_\\name]"
    };
}

// x16 is reserved for such jumps by the calling convention.
#[cfg(target_arch = "aarch64")]
macro_rules! jump {
    () => {
        "adrp x16, .Lpmoe_\\name\nldr x16, [x16, :lo12:.Lpmoe_\\name]\nbr x16"
    };
}

with_functions!(define);

unsafe extern "C" {
    #[link_name = "pmoe_mujoco_slots"]
    static SLOTS: [AtomicPtr<c_void>; NAMES.len()];
}

/// The target of every slot before [`fill`].
extern "C" fn unloaded() -> ! {
    panic!("MuJoCo was called before it was loaded");
}

/// Points every slot to the function in `library`, or changes none if one is missing.
pub(super) fn fill(library: &Library) -> Result<(), String> {
    let mut addresses = Vec::with_capacity(NAMES.len());
    for name in NAMES {
        // SAFETY: only the address is taken; mujoco-rs declares the function's type.
        let function = unsafe { library.get::<*mut c_void>(name.as_bytes()) };
        let function =
            function.map_err(|_| format!("lacks the function {}", name.trim_end_matches('\0')))?;
        addresses.push(function.as_raw_ptr());
    }
    // SAFETY: the table is in writable memory, aligned, one pointer per name, and no other code
    // writes to it.
    let slots = unsafe { &SLOTS };
    for (slot, address) in slots.iter().zip(addresses) {
        // Relaxed suffices: every caller holds a model, which it received through a lock after
        // this.
        slot.store(address, Ordering::Relaxed);
    }
    Ok(())
}
