//! What a child gives up before it looks at any document. Nothing here can be undone.
//!
//! Limits come first, and a child without them does not start. Landlock and seccomp depend on the kernel; where it has
//! none the limits still leave no file to open, and the worker is told so that it can say so.

use std::fmt;
use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::wire::Setup;

/// Standard input, output and error. A process that may have no more can open neither file nor socket.
const OPEN_FILES: u64 = 3;

/// The same, and what the loader of another program opens on its way.
const OPEN_FILES_OF_OTHERS: u64 = 32;

/// What a child could give up under the running kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Whether it dies with its worker.
    pub dies_with_parent: bool,
    /// Whether the file system and the network are closed by Landlock.
    pub landlock: bool,
    /// Whether all system calls but a few are refused.
    pub seccomp: bool,
}

impl Confinement {
    /// Whether everything that could be given up was.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.dies_with_parent && self.landlock && self.seccomp
    }
}

impl fmt::Display for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |present: bool| if present { "yes" } else { "no" };
        write!(
            f,
            "limits yes, landlock {}, seccomp {}, dies with its worker {}",
            word(self.landlock),
            word(self.seccomp),
            word(self.dies_with_parent)
        )
    }
}

/// Applies every restriction to this process.
///
/// # Errors
/// When a limit cannot be set.
pub(crate) fn confine(setup: &Setup) -> io::Result<Confinement> {
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::As, setup.address_space_bytes_max)?;
    // Without effect for the superuser, who is stopped by the filter of system calls.
    limit(Resource::Nproc, 0)?;
    allow_cpu_time(setup.cpu_time_max)?;
    let confinement = match &setup.other_program {
        None => kernel::confine(),
        Some(other) => kernel::confine_other(&other.program),
    };
    // Last, for Landlock needs to open something itself.
    let open_files = match &setup.other_program {
        None => OPEN_FILES,
        Some(_) => OPEN_FILES_OF_OTHERS,
    };
    limit(Resource::Nofile, open_files)?;
    Ok(confinement)
}

/// Lets the process use that much more processor time from now on; then the kernel kills it.
pub(crate) fn allow_cpu_time(more: Duration) -> io::Result<()> {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    let used = u64::try_from(used.tv_sec).unwrap_or(0);
    // The kernel counts whole seconds: one more, so that nobody gets less than promised.
    let limit = used + more.as_secs() + 1;
    let unchanged = rustix::process::getrlimit(Resource::Cpu).maximum;
    set(Resource::Cpu, Some(limit), unchanged)
}

fn limit(resource: Resource, value: u64) -> io::Result<()> {
    // Whoever started the worker may have set a lower bound, which cannot be raised.
    let maximum = rustix::process::getrlimit(resource).maximum;
    let value = maximum.map_or(value, |maximum| maximum.min(value));
    set(resource, Some(value), Some(value))
}

fn set(resource: Resource, current: Option<u64>, maximum: Option<u64>) -> io::Result<()> {
    let current = match (current, maximum) {
        (Some(current), Some(maximum)) => Some(current.min(maximum)),
        (current, _) => current,
    };
    setrlimit(resource, Rlimit { current, maximum }).map_err(io::Error::from)
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::collections::BTreeMap;
    use std::error::Error;
    use std::path::Path;

    use landlock::{
        ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
        path_beneath_rules,
    };
    use rustix::process::{Signal, set_parent_process_death_signal};
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule,
    };

    use super::Confinement;

    /// The newest version whose restrictions are asked for; older kernels give what they have.
    const LANDLOCK_VERSION: ABI = ABI::V6;

    pub(super) fn confine() -> Confinement {
        Confinement {
            dies_with_parent: set_parent_process_death_signal(Some(Signal::KILL)).is_ok(),
            landlock: close_file_system_and_network().unwrap_or(false),
            seccomp: filter_system_calls().is_ok(),
        }
    }

    /// Where programs and what belongs to them lie: all that another program may read, and run.
    const PROGRAM_FOLDERS: [&str; 5] = ["/usr", "/lib", "/lib64", "/opt", "/nix/store"];
    /// The list by which the loader finds shared libraries.
    const LOADER_CACHE: &str = "/etc/ld.so.cache";

    /// What is left to a program that is not ours: it needs to be loaded, to find its own files, and perhaps threads. It
    /// has no network, and no file that could be anybody's.
    pub(super) fn confine_other(program: &str) -> Confinement {
        Confinement {
            dies_with_parent: set_parent_process_death_signal(Some(Signal::KILL)).is_ok(),
            landlock: leave_programs_only(program).unwrap_or(false),
            seccomp: refuse_system_calls().is_ok(),
        }
    }

    fn leave_programs_only(program: &str) -> Result<bool, Box<dyn Error>> {
        // A program elsewhere may have its files beside it.
        let own_folder = Path::new(program)
            .parent()
            .filter(|folder| folder.is_absolute() && folder.parent().is_some());
        let folders = PROGRAM_FOLDERS.iter().map(Path::new).chain(own_folder);
        let read = AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::Execute;
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(LANDLOCK_VERSION))?
            .handle_access(AccessNet::from_all(LANDLOCK_VERSION))?
            .scope(Scope::from_all(LANDLOCK_VERSION))?
            .create()?
            // Folders that are not there are passed over.
            .add_rules(path_beneath_rules(folders, read))?
            .add_rules(path_beneath_rules([LOADER_CACHE], AccessFs::ReadFile))?
            .restrict_self()?;
        Ok(status.ruleset != RulesetStatus::NotEnforced)
    }

    /// A program that is not ours may make any system call but those by which it could reach others.
    fn refuse_system_calls() -> Result<(), Box<dyn Error>> {
        let refused = [
            libc::SYS_socket,
            libc::SYS_socketpair,
            libc::SYS_connect,
            libc::SYS_bind,
            libc::SYS_listen,
            libc::SYS_accept,
            libc::SYS_accept4,
            libc::SYS_sendto,
            libc::SYS_sendmsg,
            libc::SYS_sendmmsg,
            libc::SYS_kill,
            libc::SYS_pidfd_open,
            libc::SYS_pidfd_send_signal,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_pivot_root,
            libc::SYS_chroot,
            libc::SYS_setns,
            libc::SYS_unshare,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_userfaultfd,
            libc::SYS_keyctl,
            libc::SYS_add_key,
            libc::SYS_request_key,
            // Would get around all of the above.
            libc::SYS_io_uring_setup,
        ];
        let rules: BTreeMap<i64, Vec<SeccompRule>> =
            refused.into_iter().map(|call| (call, Vec::new())).collect();
        let filter = SeccompFilter::new(
            rules,
            SeccompAction::Allow,
            SeccompAction::Errno(libc::EPERM.unsigned_abs()),
            std::env::consts::ARCH.try_into()?,
        )?;
        let program: BpfProgram = filter.try_into()?;
        seccompiler::apply_filter(&program)?;
        Ok(())
    }

    /// No rule is added, so everything that is handled is refused. Says whether any of it is.
    fn close_file_system_and_network() -> Result<bool, Box<dyn Error>> {
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(LANDLOCK_VERSION))?
            .handle_access(AccessNet::from_all(LANDLOCK_VERSION))?
            .scope(Scope::from_all(LANDLOCK_VERSION))?
            .create()?
            .restrict_self()?;
        Ok(status.ruleset != RulesetStatus::NotEnforced)
    }

    /// Memory, the three pipes, time and death are all that parsing needs. Anything else is refused with an error, not
    /// with death: a library that only tries something carries on without it.
    fn filter_system_calls() -> Result<(), Box<dyn Error>> {
        let anything = Vec::new;
        let about = |argument: u8, value: u64| -> Result<Vec<SeccompRule>, Box<dyn Error>> {
            let equal = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)?;
            Ok(vec![SeccompRule::new(vec![equal])?])
        };
        let own_id = u64::from(std::process::id());
        let rules = BTreeMap::from([
            (libc::SYS_read, anything()),
            (libc::SYS_readv, anything()),
            (libc::SYS_write, anything()),
            (libc::SYS_writev, anything()),
            (libc::SYS_close, anything()),
            (libc::SYS_brk, anything()),
            (libc::SYS_mmap, anything()),
            (libc::SYS_munmap, anything()),
            (libc::SYS_mremap, anything()),
            (libc::SYS_mprotect, anything()),
            (libc::SYS_madvise, anything()),
            (libc::SYS_futex, anything()),
            (libc::SYS_sched_yield, anything()),
            (libc::SYS_getrandom, anything()),
            (libc::SYS_clock_gettime, anything()),
            (libc::SYS_restart_syscall, anything()),
            // To abort: a signal to itself, and to nobody else.
            (libc::SYS_rt_sigaction, anything()),
            (libc::SYS_rt_sigprocmask, anything()),
            (libc::SYS_rt_sigreturn, anything()),
            (libc::SYS_sigaltstack, anything()),
            (libc::SYS_getpid, anything()),
            (libc::SYS_gettid, anything()),
            (libc::SYS_tgkill, about(0, own_id)?),
            (libc::SYS_exit, anything()),
            (libc::SYS_exit_group, anything()),
            // To set its own limits.
            (libc::SYS_prlimit64, about(0, 0)?),
        ]);
        let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let filter = SeccompFilter::new(
            rules,
            refuse,
            SeccompAction::Allow,
            std::env::consts::ARCH.try_into()?,
        )?;
        let program: BpfProgram = filter.try_into()?;
        seccompiler::apply_filter(&program)?;
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    use super::Confinement;

    pub(super) fn confine() -> Confinement {
        Confinement {
            dies_with_parent: false,
            landlock: false,
            seccomp: false,
        }
    }

    pub(super) fn confine_other(_program: &str) -> Confinement {
        confine()
    }
}
