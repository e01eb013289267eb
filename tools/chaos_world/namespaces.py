"""Namespaces of the kernel for this process and its children. They end with the last process in them, so
nothing is left behind, however this one ends. Need root."""
import ctypes
import os
import signal

NETWORK = 0x40000000  # CLONE_NEWNET
MOUNTS = 0x00020000  # CLONE_NEWNS
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def leave_for_new(kind):
    """This thread, and what it starts from then on, has a namespace of its own."""
    check(LIBC.unshare(kind))


def enter(namespace):
    """An open file of a namespace."""
    check(LIBC.setns(namespace, 0))


def own_network():
    return os.open("/proc/self/ns/net", os.O_RDONLY)


def go_back(network):
    """If it was left."""
    if os.fstat(network).st_ino != os.stat("/proc/self/ns/net").st_ino:
        enter(network)


def end_with_parent():
    """In a child: it is killed when the thread that started it ends."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
