"""A small file system for each node's data, in memory, that can be filled."""
import os
import shutil
import subprocess
import time

from chaos_world import namespaces

MEGABYTE = 1 << 20
SIZE_MB = 1280  # a node that is to vote needs 1 GiB of free disk; what is not written takes no memory


class NoDisk(Exception):
    """This user may not mount."""


def hide_mounts():
    """What this process mounts from then on is seen by its children only, and ends with them."""
    try:
        namespaces.leave_for_new(namespaces.MOUNTS)
        run("mount", "--make-rprivate", "/")
    except OSError as error:
        raise NoDisk(f"no mounts of its own: {error}") from error


def run(*words):
    try:
        done = subprocess.run([str(word) for word in words], stderr=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError as error:
        raise NoDisk(f"there is no program named {words[0]}") from error
    if done.returncode != 0:
        raise NoDisk(done.stderr.strip())


class SmallDisk:
    """Mounted on `folder`. It is full as if somebody else had written to it: its size is what is held."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        try:
            run("mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=0700", "starling-chaos", folder)
        except NoDisk:
            folder.rmdir()
            raise

    def free_mb(self):
        space = os.statvfs(self.folder)
        return space.f_bavail * space.f_frsize / MEGABYTE

    def held_mb(self):
        space = os.statvfs(self.folder)
        return (space.f_blocks - space.f_bfree) * space.f_frsize / MEGABYTE

    def resize(self, megabytes):
        run("mount", "-o", f"remount,size={int(megabytes * 1024)}k", self.folder)

    def fill(self, leaves_mb):
        """So much is left. Nothing changes if the node wrote more meanwhile."""
        try:
            self.resize(self.held_mb() + leaves_mb)
        except NoDisk:
            pass

    def empty(self):
        self.resize(SIZE_MB)

    def remove(self, keeps):
        """`keeps`: what was written lies in the folder afterwards, on the disk below."""
        aside = self.folder.with_suffix(".kept")
        if keeps:
            run("cp", "-a", self.folder, aside)
        self.unmount()
        self.folder.rmdir()
        if keeps:
            shutil.move(aside, self.folder)

    def unmount(self):
        for _ in range(100):
            try:
                return run("umount", self.folder)
            except NoDisk:
                time.sleep(0.05)  # Its processes are just ending.
        return run("umount", "--lazy", self.folder)
