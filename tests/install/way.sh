#!/usr/bin/env bash
# In: a fresh root (mounted), the checkout, a folder for packages, and a way to install.  Out: exit 0 if mxhound was installed that way, used
# and removed; lines that start with "=== " say what took how long. Called by try.sh, which gives it a root that vanishes.
set -euo pipefail
ROOT=$1 SOURCE=$2 PACKAGES=$3 WAY=$4
DATA=/srv/data # a recorded eve.json and its site.yaml, as a site has them

step() { # words, then -- command
    local words=() from=$SECONDS
    while [ "$1" != -- ]; do words+=("$1"); shift; done
    shift
    "$@"
    printf '=== %-57s %4d s\n' "${words[*]}" $((SECONDS - from))
}

as() { # user, command line of bash
    local pip=()
    mapfile -t pip <"$ROOT/etc/mxhound-pip.env"
    chroot --userspec="$1:$1" "$ROOT" env -i "${pip[@]}" HOME="$(home_of "$1")" LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin bash -euo pipefail -c "cd; $2"
}

home_of() { [ "$1" = root ] && printf /root || printf '/home/%s' "$1"; }

apt() { as root "apt-get update -qq; apt-get install -y -qq --no-install-recommends $* >/dev/null"; }

# The files that git has, as they are now.
put_checkout() { # folder, owner
    mkdir -p "$ROOT$1"
    git -C "$SOURCE" ls-files -z | tar -C "$SOURCE" --null -T - -c | tar -x --no-same-owner -C "$ROOT$1"
    chroot "$ROOT" chown -R "$2:$2" "$1"
}

put_data() {
    mkdir -p "$ROOT$DATA"
    cp "$SOURCE"/tests/data/office-suricata-7.eve.json.gz "$SOURCE"/tests/data/site.yaml "$ROOT$DATA"
}

# What somebody does first, wherever the commands are: a profile, rules, a report, a page.
USE="rulegen --version; eveproc --version
rulegen init -o site.yaml
rulegen build -s site.yaml -o out
rulegen check out
eveproc report $DATA/office-suricata-7.eve.json.gz -s $DATA/site.yaml -o report.txt
head -n 1 report.txt; grep -q '5 infected, 0 suspected' report.txt"
PAGE="eveproc report $DATA/office-suricata-7.eve.json.gz -s $DATA/site.yaml -f html -o report.html; test -s report.html"

# Man pages and completion below this folder, as the shell and man look for them.
shown_below() { # folder
    printf 'MANPATH=%s/man man -w eveproc-report rulegen\n' "$1"
    printf 'source %s/bash-completion/completions/eveproc; complete -p eveproc\n' "$1"
    printf '%s\n' 'COMP_WORDS=(eveproc rep) COMP_CWORD=1; _eveproc_completion eveproc; [ "${COMPREPLY[*]}" = report ]'
}

# --- ways ---

checkout_root() {
    put_checkout /opt/mxhound root
    step make setup, as root -- as root 'make -C /opt/mxhound setup'
    du -sh "$ROOT/opt/mxhound/.venv"
    step commands of a checkout -- as root "export PATH=/opt/mxhound/.venv/bin:\$PATH; $USE; $(shown_below /opt/mxhound/.venv/share)"
    # The message about a missing extra has to be the command that adds it.
    as root "export PATH=/opt/mxhound/.venv/bin:\$PATH; $PAGE" 2>"$ROOT/root/said" && exit 1
    local advice
    advice=$(sed -n 's/^.*run: //p' "$ROOT/root/said")
    step "$advice" -- as root "$advice -q"
    as root "export PATH=/opt/mxhound/.venv/bin:\$PATH; $PAGE"
    as root 'rm -r /opt/mxhound'
}

checkout_user() {
    put_checkout /home/user/mxhound user
    as user 'make -C mxhound setup' 2>&1 | tee "$ROOT/said" && exit 1
    grep -q 'needs Python 3.11 or newer with venv (Debian: apt-get install python3 python3-venv)' "$ROOT/said"
    apt python3 python3-venv
    step make setup, as a user -- as user 'make -C mxhound setup'
    as user "export PATH=\$HOME/mxhound/.venv/bin:\$PATH; $USE; rm -r mxhound"
}

wheel() { # in the root, by its own pip
    put_checkout /srv/source user
    as user 'python3 -m venv build && build/bin/pip wheel -q --no-deps -w wheels /srv/source'
    rm -r "$ROOT/srv/source" "$ROOT/home/user/build" # nothing of the checkout is left
}

pip_user() {
    apt python3 python3-venv
    wheel
    step "pip install 'mxhound-*.whl[html,notify,redis]'" -- \
        as user 'python3 -m venv mxhound; mxhound/bin/pip install -q "$(echo wheels/*.whl)[html,notify,redis]"'
    step commands of a wheel -- as user "export PATH=\$HOME/mxhound/bin:\$PATH; $USE; $PAGE; $(shown_below '$HOME/mxhound/share')"
    as user 'rm -r mxhound'
}

pipx_user() {
    apt python3-venv pipx
    wheel
    step pipx install mxhound-*.whl -- as user 'pipx install $(echo wheels/*.whl)'
    as user "export PATH=\$HOME/.local/bin:\$PATH; $USE"
    as user "export PATH=\$HOME/.local/bin:\$PATH; $PAGE" 2>"$ROOT/said" && exit 1
    local advice
    advice=$(sed -n 's/^.*run: //p' "$ROOT/said")
    step "$advice" -- as user "$advice"
    as user "export PATH=\$HOME/.local/bin:\$PATH; $PAGE"
    step pipx uninstall mxhound -- as user 'pipx uninstall mxhound; ! test -e .local/bin/eveproc'
}

demo_user() { # a user, first without a Suricata, then with one that root installed
    apt python3 python3-venv
    put_checkout /home/user/mxhound user
    step make demo, as a user without a Suricata -- as user 'make -C mxhound demo' 2>&1 | tee "$ROOT/said"
    grep -q "'apt-get install suricata' would do" "$ROOT/said"
    grep -q 'judged from tests/data' "$ROOT/said"
    put_checkout /opt/mxhound root
    step tests/engines/install.sh 7, as root -- as root '/opt/mxhound/tests/engines/install.sh 7'
    step make demo, as a user with a Suricata -- as user 'make -C mxhound demo' 2>&1 | tee "$ROOT/said"
    grep -q 'A real Suricata loads them' "$ROOT/said"
    grep -q '14 of 14 mass mailers infected, 0 of' "$ROOT/said"
}

# A Suricata 7 that has logged, as a site has it.
put_sensor() { # checkout
    mkdir -p "$ROOT/var/log/suricata"
    as root "$1/tests/engines/install.sh 7"
    gunzip -c "$SOURCE/tests/data/office-suricata-7.eve.json.gz" >"$ROOT/var/log/suricata/eve.json"
}

readme_root() { # the commands of README.md, "At your site", as they are written
    put_checkout /root/mxhound root
    put_sensor /root/mxhound
    local commands
    commands=$(sed -n '/^## At your site/,/^## /{/^```/,/^```/p}' "$SOURCE/README.md" | grep -v '^```')
    printf '%s\n' "$commands"
    step README.md, At your site -- as root "cd mxhound; set -x; $commands"
}

# The blocks of a page that a shell runs.
commands_of() { sed -n '/^```sh$/,/^```$/p' "$SOURCE/docs/$1" | grep -v '^```'; }

pages_user() { # docs/now.md and docs/first-week.md as they are written, by a user, without a checkout, each in an empty folder
    apt python3 python3-venv
    put_checkout /opt/mxhound root
    put_sensor /opt/mxhound
    rm -r "$ROOT/opt/mxhound"
    wheel
    as user 'python3 -m venv mxhound-env; mxhound-env/bin/pip install -q "$(echo wheels/*.whl)[html,notify,redis]"'
    local path='export PATH=$HOME/mxhound-env/bin:$PATH' now
    now=$(commands_of now.md | sed 's,/path/to/eve.json,/var/log/suricata/eve.json,') # the page says that it stands for a log
    step docs/now.md -- as user "$path; mkdir now; cd now; set -x; $now"
    step docs/first-week.md -- as user "$path; mkdir week; cd week; set -x; $(commands_of first-week.md)"
    as user 'test -s week/out/suricata-7/mxhound.rules; test -s week/baseline.json'
    step uninstall -- as user 'rm -r mxhound-env; ls -A' | tee "$ROOT/said"
    ! grep -i mxhound-env "$ROOT/said" || exit 1
}

# What build.sh calls this release.
suffix() { chroot "$ROOT" sh -c '. /etc/os-release; printf "%s%s" "$ID" "$VERSION_ID"'; }

deb_build() {
    apt debhelper python3 python3-venv
    put_checkout /srv/source user
    step contrib/debian/build.sh -- as user 'cd /srv/source; contrib/debian/build.sh /home/user/built'
    rm -f "$PACKAGES"/mxhound_*+"$(suffix)"_*.deb
    cp "$ROOT"/home/user/built/*.deb "$PACKAGES"
}

deb() { # installed, used, upgraded, removed and purged; deb_build made it
    mkdir "$ROOT/srv/old" "$ROOT/srv/new"
    cp "$PACKAGES"/mxhound_*+"$(suffix)"_*.deb "$ROOT/srv/old"
    # An upgrade to the same files under a higher version.
    as root 'dpkg-deb -R /srv/old/*.deb tree; sed -i "s/^Version: .*/Version: 99.0/" tree/DEBIAN/control
        dpkg-deb --root-owner-group -Zgzip -z1 -b tree /srv/new >/dev/null; rm -r tree; apt-get update -qq'
    step apt-get install ./mxhound_*.deb -- as root 'apt-get install -y -qq --no-install-recommends /srv/old/*.deb'
    deb_is_whole
    step commands of the package, as a user -- as user "$USE; $PAGE; $(shown_below /usr/share)"
    step the command of mxhound-report.service -- as root "$UNIT_RUNS"
    as root 'echo "# changed" >>/etc/mxhound/site.yaml'
    step upgrade -- as root 'apt-get install -y -qq /srv/new/*.deb'
    as root 'dpkg -s mxhound | grep -qx "Version: 99.0"; tail -n 1 /etc/mxhound/site.yaml | grep -q changed
        test -s /var/lib/mxhound/report.db; rulegen --version'
    step remove -- as root 'apt-get remove -y -qq mxhound'
    as root 'test -e /etc/mxhound/site.yaml; test -e /var/lib/mxhound/report.txt
        test ! -e /usr/bin/eveproc; test ! -e /usr/lib/mxhound; test ! -e /usr/share/man/man1/eveproc.1.gz'
    step purge -- as root 'apt-get purge -y -qq mxhound'
    as root 'test ! -e /etc/mxhound; test ! -e /var/lib/mxhound; dpkg -l mxhound 2>/dev/null | grep -q ^.[^n] && exit 1 || true'
}

# Each shared object of the wheels finds its libraries, and no file names the folder in which it was built. `! a | b` would not end the shell.
deb_is_whole() {
    as root 'none() { if "$@" | grep .; then exit 1; fi; }
        none sh -c "find /usr/lib/mxhound -name \"*.so*\" -type f -exec ldd {} + 2>&1 | grep \"not found\""
        none grep -rlE "/mxhound/(debian|build)/|/srv/source" /usr/lib/mxhound /etc/mxhound
        none grep -rh "/opt/mxhound" /usr/lib/systemd/system /usr/share/doc/mxhound/examples/cron.d
        none sh -c "dpkg -L mxhound | grep /man1/ | grep -vE \"/(rulegen|eveproc)[^/]*$\""
        none find /etc/systemd/system -name "mxhound*"
        id mxhound | grep -q adm; stat -c "%U %a" /var/lib/mxhound | grep -qx "mxhound 750"'
}

# The nightly unit's own command, as its user and with its umask: there is no systemd in a root.
UNIT_RUNS='install -d -m 755 /var/log/suricata; cp /srv/data/office-suricata-7.eve.json.gz /var/log/suricata/eve.json.1.gz
command=$(sed -n "s/^ExecStart=//p" /usr/lib/systemd/system/mxhound-report.service)
code=0; su -s /bin/sh mxhound -c "umask 027; cd /; $command" || code=$?
[ $code = 3 ]; grep -q "^4 infected" /var/lib/mxhound/report.txt # the fifth is outside of the networks that the package names'

put_data
"$WAY"
