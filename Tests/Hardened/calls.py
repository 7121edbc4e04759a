"""Which system calls a confined process may make, as a filter that the kernel runs.

Allowed is what the units of deploy/systemd allow, less what container runtimes refuse by default to who has no capability: what runs under
both at once runs under each of them.
"""

import ctypes
import platform
import re
import subprocess
import sys
from pathlib import Path

UNIT = Path(__file__).resolve().parent.parent.parent / "deploy/systemd/apus-frontend.service"
# Of those that systemd's @system-service has: keys of the kernel, NUMA, handles of files, other processes' memory, rings of requests, accounting.
RUNTIMES_REFUSE = set(
    """add_key keyctl request_key get_mempolicy set_mempolicy set_mempolicy_home_node mbind migrate_pages move_pages name_to_handle_at
    open_by_handle_at kcmp process_vm_readv process_vm_writev ptrace pidfd_getfd process_madvise io_uring_setup io_uring_enter io_uring_register
    userfaultfd bpf perf_event_open lookup_dcookie quotactl acct ustat sysfs uselib personality setns unshare mount umount2 pivot_root
    fanotify_init vhangup syslog""".split()
)
# Not known, as an old kernel says it: C libraries then take the older call, whose flags can be looked at.
NOT_KNOWN = {"clone3"}

EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
ALLOW, REFUSE, END = 0x7FFF0000, 0x00050000, 0x80000000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# Where the kernel shows a call to the filter.
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
LOAD, EQUAL, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x45, 0x54, 0x06
NAMESPACES = 0x7E020000
WRITE, EXECUTE = 2, 4
# AF_UNIX, AF_INET, AF_INET6: what RestrictAddressFamilies of the units has.
FAMILIES = (1, 2, 10)


def numbers():
    """The kernel's numbers of its calls on this machine, as the C library's headers have them."""
    machine = platform.machine()
    for header in (f"/usr/include/{machine}-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h"):
        if Path(header).exists():
            return {name: int(number) for name, number in re.findall(r"#define __NR_(\w+)\s+(\d+)", Path(header).read_text())}
    raise SystemExit("no header has the numbers of system calls: install linux-libc-dev")


def allowed():
    """The names that are allowed; systemd says what its groups hold."""
    ended = subprocess.run(["systemd-analyze", "syscall-filter"], capture_output=True, text=True, check=True)
    groups = {}
    for line in ended.stdout.splitlines():
        if line.startswith("@"):
            groups[line.strip()] = members = []
        elif line.strip() and not line.strip().startswith("#"):
            members.append(line.strip())
    def within(group):
        return {name for each in groups[group] for name in (within(each) if each.startswith("@") else [each])}
    lines = re.findall(r"^SystemCallFilter=(~?)(.*)$", UNIT.read_text(), re.M)
    names = set()
    for no, words in lines:
        for word in words.split():
            members = within(word) if word.startswith("@") else {word}
            names = names - members if no else names | members
    return names - RUNTIMES_REFUSE - NOT_KNOWN


def program(names):
    """The filter's instructions: (code, jump if true, jump if false, constant)."""
    known = numbers()
    refuse = lambda error: (RETURN, 0, 0, REFUSE | error)
    load = lambda place: (LOAD, 0, 0, place)
    out = [load(ARCHITECTURE), (EQUAL, 1, 0, ARCHITECTURES[platform.machine()]), (RETURN, 0, 0, END), load(NUMBER)]

    def looked_at(name, steps):
        """Steps that judge a call by its arguments; others jump over them."""
        if name in known:
            out.extend([(EQUAL, 0, len(steps), known[name]), *steps])

    for name in NOT_KNOWN:
        looked_at(name, [refuse(ENOSYS)])
    looked_at("clone", [load(ARGUMENTS), (ANY_BIT, 0, 1, NAMESPACES), refuse(EPERM), (RETURN, 0, 0, ALLOW)])
    families = [(EQUAL, len(FAMILIES) - at, 0, family) for at, family in enumerate(FAMILIES)]
    looked_at("socket", [load(ARGUMENTS), *families, refuse(EAFNOSUPPORT), (RETURN, 0, 0, ALLOW)])
    looked_at("mmap", [load(ARGUMENTS + 16), (AND, 0, 0, WRITE | EXECUTE), (EQUAL, 0, 1, WRITE | EXECUTE), refuse(EPERM), (RETURN, 0, 0, ALLOW)])
    for name in ("mprotect", "pkey_mprotect"):
        looked_at(name, [load(ARGUMENTS + 16), (ANY_BIT, 0, 1, EXECUTE), refuse(EPERM), (RETURN, 0, 0, ALLOW)])
    for name in sorted(names & known.keys()):
        out += [(EQUAL, 0, 1, known[name]), (RETURN, 0, 0, ALLOW)]
    return [*out, refuse(EPERM)]


def encoded(names):
    """As the kernel takes it: eight bytes an instruction, in the byte order of the machine."""
    return b"".join(
        code.to_bytes(2, sys.byteorder) + bytes([yes, no]) + constant.to_bytes(4, sys.byteorder) for code, yes, no, constant in program(names))


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]
