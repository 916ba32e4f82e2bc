"""The Linux calls a sandbox is made of, through ctypes: namespaces, mounts, privileges and a system-call filter.

Every function raises OSError with the name of the call that failed. Numbers are those of the kernel's user headers
(sched.h, mount.h, prctl.h, seccomp.h); the few that differ between machines stand in `_MACHINES`.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from dataclasses import dataclass

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
_ALL_NEW = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
_MNT_DETACH = 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 24, 38
_SECCOMP_MODE_FILTER = 2
_RET_ALLOW, _RET_ERRNO = 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_LOAD, _JUMP_EQUAL, _JUMP_SET, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06

# Calls the filter knows. It refuses all but the three in `_FILTERED_BY_ARGUMENT`: no test suite of pure functions needs
# them, and they reach other processes or large parts of the kernel. Newer calls have one number on all machines.
_COMMON_NUMBERS = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsmount": 432,
    "clone3": 435,
    "mount_setattr": 442,
    "memfd_secret": 447,
}
_X86_64 = {
    "socket": 41,
    "clone": 56,
    "ptrace": 101,
    "pivot_root": 155,
    "chroot": 161,
    "acct": 163,
    "mount": 165,
    "umount2": 166,
    "swapon": 167,
    "reboot": 169,
    "init_module": 175,
    "delete_module": 176,
    "quotactl": 179,
    "kexec_load": 246,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "unshare": 272,
    "perf_event_open": 298,
    "open_by_handle_at": 304,
    "setns": 308,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "finit_module": 313,
    "bpf": 321,
    "userfaultfd": 323,
}
_AARCH64 = {
    "umount2": 39,
    "mount": 40,
    "pivot_root": 41,
    "chroot": 51,
    "quotactl": 60,
    "acct": 89,
    "unshare": 97,
    "kexec_load": 104,
    "init_module": 105,
    "delete_module": 106,
    "ptrace": 117,
    "reboot": 142,
    "socket": 198,
    "add_key": 217,
    "request_key": 218,
    "keyctl": 219,
    "clone": 220,
    "swapon": 224,
    "perf_event_open": 241,
    "open_by_handle_at": 265,
    "setns": 268,
    "process_vm_readv": 270,
    "process_vm_writev": 271,
    "finit_module": 273,
    "bpf": 280,
    "userfaultfd": 282,
}


_FILTERED_BY_ARGUMENT = {"socket", "clone", "clone3"}


@dataclass(frozen=True)
class _Machine:
    audit_arch: int
    numbers: dict[str, int]


_MACHINES = {
    "x86_64": _Machine(0xC000003E, _X86_64 | _COMMON_NUMBERS),
    "aarch64": _Machine(0xC00000B7, _AARCH64 | _COMMON_NUMBERS),
}
_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Move this (single-threaded) process into new namespaces."""
    _check("unshare", _libc.unshare(ctypes.c_int(flags)))


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    encoded = [value.encode() if value is not None else None for value in (source, target, kind)]
    result = _libc.mount(*encoded, ctypes.c_ulong(flags), options.encode() if options is not None else None)
    _check(f"mount {target}", result)


def bind_read_only(source: str, target: str) -> None:
    """Show `source` and all that is mounted below it at `target`: no writes, no set-user-id programs."""
    mount(source, target, None, MS_BIND | MS_REC)
    # Only `mount_setattr` reaches the mounts below and keeps their other flags (Linux 5.12).
    attributes = ctypes.create_string_buffer(struct.pack("=QQQQ", MS_RDONLY | MS_NOSUID, 0, MS_PRIVATE, 0))
    path = ctypes.create_string_buffer(target.encode())
    number = ctypes.c_long(_machine().numbers["mount_setattr"])
    result = _libc.syscall(number, ctypes.c_int(_AT_FDCWD), path, ctypes.c_uint(_AT_RECURSIVE), attributes, 32)
    _check(f"mount_setattr {target}", result)


def pivot_root(new_root: str) -> None:
    """Make `new_root` (a mount point) the root and let the old one go."""
    os.chdir(new_root)
    here = ctypes.create_string_buffer(b".")
    _check("pivot_root", _libc.syscall(ctypes.c_long(_machine().numbers["pivot_root"]), here, here))
    _check("umount", _libc.umount2(b".", _MNT_DETACH))
    os.chdir("/")


def die_with_parent(signal_number: int) -> None:
    _prctl("PR_SET_PDEATHSIG", _PR_SET_PDEATHSIG, signal_number)


def forbid_inspection() -> None:
    """No other process of the same user may trace this one or read its memory."""
    _prctl("PR_SET_DUMPABLE", _PR_SET_DUMPABLE, 0)


def drop_privileges(uid: int | None) -> None:
    """Become `uid` (where given), lose every capability for good and never gain one through a program."""
    last = 0
    while _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(last), 0, 0, 0) == 0:
        last += 1
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0))
    _check("capset", _libc.capset(header, ctypes.create_string_buffer(24)))
    _prctl("PR_SET_NO_NEW_PRIVS", _PR_SET_NO_NEW_PRIVS, 1)


def filter_system_calls() -> None:
    """Refuse, for this process and all its children, the calls of the tables above, new namespaces and network sockets.

    Needs `no_new_privs`. Raises OSError on a machine whose call numbers are not known here.
    """
    machine = _machine()
    number_at, arch_at, argument_at = 0, 4, 16
    program = [
        (_LOAD, 0, 0, arch_at),
        (_JUMP_EQUAL, 1, 0, machine.audit_arch),
        (_RETURN, 0, 0, _RET_ERRNO | _EPERM),
        (_LOAD, 0, 0, number_at),
        (_JUMP_GREATER_EQUAL, 0, 1, 0x40000000),  # the x32 calls of x86_64
        (_RETURN, 0, 0, _RET_ERRNO | _EPERM),
        # clone3 hides its flags in memory; libc falls back to clone.
        (_JUMP_EQUAL, 0, 1, machine.numbers["clone3"]),
        (_RETURN, 0, 0, _RET_ERRNO | _ENOSYS),
        (_JUMP_EQUAL, 0, 4, machine.numbers["clone"]),
        (_LOAD, 0, 0, argument_at),
        (_JUMP_SET, 0, 1, _ALL_NEW),
        (_RETURN, 0, 0, _RET_ERRNO | _EPERM),
        (_RETURN, 0, 0, _RET_ALLOW),
        (_JUMP_EQUAL, 0, 4, machine.numbers["socket"]),
        (_LOAD, 0, 0, argument_at),
        (_JUMP_EQUAL, 1, 0, 1),  # AF_UNIX stays on this machine
        (_RETURN, 0, 0, _RET_ERRNO | _EPERM),
        (_RETURN, 0, 0, _RET_ALLOW),
    ]
    for name, number in machine.numbers.items():
        if name not in _FILTERED_BY_ARGUMENT:
            program += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _RET_ERRNO | _EPERM)]
    program.append((_RETURN, 0, 0, _RET_ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *instruction) for instruction in program))
    filter_program = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    result = _libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), filter_program, 0, 0)
    _check("seccomp", result)


def _prctl(name: str, option: int, value: int) -> None:
    _check(name, _libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)))


def _machine() -> _Machine:
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        raise OSError(_ENOSYS, f"system call numbers of {platform.machine()} are not known")
    return machine


def _check(name: str, result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
