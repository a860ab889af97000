"""install.sh: what it does before anything is installed, on folders that look like machines."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("install.sh")


def bash(command: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(folder),
        "MXHOUND_ENGINES": str(folder),
        **settings,
    }
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=env, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    "trace",
    [
        "etc/suricata",
        "etc/systemd/system/suricata.service",
        "usr/local/lib/systemd/system/suricata.service",
    ],
)
def test_a_suricata_of_somebody_else_is_seen(tmp_path: Path, trace: str) -> None:
    (tmp_path / trace).mkdir(parents=True)
    done = bash(f". {SCRIPT}; foreign_suricata {tmp_path}", tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/{trace}\n"), done.stderr


def test_a_machine_without_suricata_has_no_trace(tmp_path: Path) -> None:
    done = bash(f". {SCRIPT}; foreign_suricata {tmp_path}", tmp_path)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr


def test_where_somebody_else_s_is_the_package_is_refused_before_apt_is_asked(
    tmp_path: Path,
) -> None:
    unreached = "apt-get() { echo apt; }; dpkg-query() { return 1; }; foreign_suricata() { echo /opt/x/suricata.service; }"
    done = bash(f". {SCRIPT}; {unreached}; install_package_7", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "/opt/x/suricata.service is of a Suricata that is no Debian package" in done.stderr


def test_a_relative_folder_becomes_absolute(tmp_path: Path) -> None:
    assert (
        bash(f'. {SCRIPT}; echo "$CACHE"', tmp_path, MXHOUND_ENGINES="here/engines").stdout
        == f"{tmp_path}/here/engines\n"
    )


def test_an_unknown_version_is_wrong_usage(tmp_path: Path) -> None:
    done = bash(f"{SCRIPT} 9", tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "engines: unknown version '9'; expected 7, 8 and snort-2.9\n",
    )


def test_what_a_debian_package_put_there_is_not_somebody_else_s(tmp_path: Path) -> None:
    (tmp_path / "usr/lib/systemd/system").mkdir(parents=True)
    (tmp_path / "usr/lib/systemd/system/suricata.service").touch()
    known = (
        f'dpkg-query() {{ [ "$2" = "/usr{tmp_path}/usr/lib/systemd/system/suricata.service" ]; }}'
    )
    assert bash(f". {SCRIPT}; {known}; foreign_suricata {tmp_path}", tmp_path).returncode == 1


MAKES_NOBLE = """. {script}
apt-get() {{ case "$*" in *"Origin: Ubuntu") echo "{mirror}";; esac; }}
timeout() {{ shift; printf '[%s] ' "$@"; mkdir -p "$6/usr/sbin" "$6/etc/apt/apt.conf.d"; }}
chroot() {{ printf '[%s]' "${{@:5}}"; {installs}; }}
make_noble
"""


@pytest.mark.parametrize("mirror", ["", "http://mirror.test/ubuntu/"])
def test_snort_s_folder_is_made_from_the_trusted_mirror_or_from_debootstrap_s_own(
    tmp_path: Path, mirror: str
) -> None:
    root = tmp_path / "ubuntu-24.04"
    command = MAKES_NOBLE.format(script=SCRIPT, mirror=mirror, installs="true")
    done = bash(command, tmp_path, MXHOUND_ENGINES=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"[noble] [{root}.part] [{mirror}] [" in done.stdout
    assert done.stdout.endswith("[snort]")
    # No service of the folder may start: Snort would sniff this machine's network.
    assert (root / "usr/sbin/policy-rc.d").read_text() == "#!/bin/sh\nexit 101\n"


def test_a_folder_that_does_not_get_its_packages_does_not_look_finished(tmp_path: Path) -> None:
    command = MAKES_NOBLE.format(script=SCRIPT, mirror="", installs="false")
    done = bash(command, tmp_path, MXHOUND_ENGINES=str(tmp_path))
    assert done.returncode == 1
    assert not (tmp_path / "ubuntu-24.04").exists()


def test_a_snort_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    command = f"id() {{ echo 1000; }}; export -f id; {SCRIPT} snort-2.9"
    done = bash(command, tmp_path, MXHOUND_ENGINES=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "engines: not root: cannot install Snort 2.9 (run 'make engines' as root)",
        "engines: MISSING: snort-2.9",
    ]


OF_USER = "id() { echo 1000; }; export -f id; "
# A stand-in for the folder that root installs to.
WITH_ROOT_S = f"{OF_USER}. {SCRIPT}; FOR_EVERYBODY=$PWD/shared; wrapper_of suricata-8 8"


@pytest.mark.parametrize(
    ("user", "folder"),
    [("0", "/usr/local/lib/mxhound/engines"), ("1000", ".cache/mxhound/engines")],
)
def test_root_installs_for_everybody(tmp_path: Path, user: str, folder: str) -> None:
    command = f'id() {{ echo {user}; }}; unset MXHOUND_ENGINES; . {SCRIPT}; echo "$CACHE"'
    assert bash(command, tmp_path).stdout == f"{tmp_path / folder}\n"


def test_what_root_installed_is_not_missing_for_a_user(tmp_path: Path) -> None:
    wrapper = tmp_path / "shared" / "bin" / "suricata-8"
    wrapper.parent.mkdir(parents=True)
    wrapper.write_text("#!/bin/sh\necho This is Suricata version 8.0.1 RELEASE\n")
    wrapper.chmod(0o755)
    assert bash(f"unset MXHOUND_ENGINES; {WITH_ROOT_S}", tmp_path).stdout == str(wrapper)
    assert bash(WITH_ROOT_S, tmp_path).returncode == 1  # $MXHOUND_ENGINES is the only folder


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        ("1:7.0.3-1build3", ""),
        ("1:6.0.4-3", "the package suricata is version 6.0.4-3 here, not 7: it is not installed"),
        ("(none)", "no package suricata among this machine's apt sources"),
    ],
)
def test_a_package_of_another_version_is_not_installed(
    tmp_path: Path, candidate: str, said: str
) -> None:
    offers = f"apt-cache() {{ printf 'suricata:\\n  Candidate: %s\\n' '{candidate}'; }}"
    done = bash(f". {SCRIPT}; {offers}; is_offered 7", tmp_path)
    assert (done.returncode == 0) is (said == "")
    assert said in done.stderr


def test_a_user_is_told_what_apt_would_bring(tmp_path: Path) -> None:
    hidden = f"{OF_USER}command() {{ return 1; }}; foreign_suricata() {{ return 1; }}"
    done = bash(f". {SCRIPT}; {hidden}; install_7", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "'apt-get install suricata' would do where it is 7 or later" in done.stderr
    assert "(run 'make engines' as root)" in done.stderr
