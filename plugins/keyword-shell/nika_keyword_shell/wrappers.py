"""Grammars of programs that start another program. `programs` describes them."""

from __future__ import annotations

from typing import Final

WRAPPERS: Final = """
env | program | program | -u:data --unset:data -C:data --chdir:data -S:shell --split-string:shell -P:data
    --block-signal?:data | assigns
sudo | program | joined* | -u:data --user:data -g:data --group:data -h:data --host:data -p:data --prompt:data -C:data
    -r:data -t:data -T:data -U:data -D:data --chdir:data -R:data --chroot:data -s=shell -i=shell -e=inert -l=inert
    -v=inert --shell=shell --login=shell --edit=inert | assigns
doas | program | joined* | -u:data -C:file -s=shell | assigns
nice | program | program | -n:data --adjustment:data |
ionice | program | program | -c:data --class:data -n:data --classdata:data -p:data -P:data -u:data |
nohup setsid chronic ifne eatmydata nocache torsocks tsocks linux32 linux64 i386 x86_64 unbuffer rlwrap catchsegv
    aa-exec choom |  program | program | -p:data -n:data -f:data |
chrt | data program | data program | -T:data -P:data -D:data -p:data |
taskset gosu su-exec setuidgid envdir runcon faketime logsave cset envuidgid s6-setuidgid s6-envdir | data
    program | data program | -p:data -T:data -P:data -D:data -u:data -r:data -t:data -f:data | reopens
timeout | data program | data program | -k:data --kill-after:data -s:data --signal:data |
stdbuf | program | program | -i:data --input:data -o:data --output:data -e:data --error:data |
time | program | program | -f:data --format:data -o:data --output:data |
chroot | data program | data program | --userspec:data --groups:data | bare-shell
unshare | program | program | -S:data --setuid:data -G:data --setgid:data -R:data --root:data -w:data --wd:data
    --map-users:data --map-groups:data --propagation:data --setgroups:data | bare-shell
nsenter | program | program | -t:data --target:data -S:data -G:data --setuid:data --setgid:data | bare-shell
setarch | data program | data program | | bare-shell
setpriv prlimit numactl cgexec cpulimit trickle chpst softlimit systemd-cat systemd-inhibit firejail xvfb-run
    dbus-run-session dbus-launch caffeinate arch tini dumb-init catatonit ts with-contenv proxychains proxychains4
    valgrind | program | program | -a:data -b:data -c:data -d:data -e:data -f:data -g:data -h:data -i:data
    -l:data -m:data -n:data -o:data -p:data -s:data -t:data -u:data -w:data --reuid:data --regid:data --groups:data
    --what:data --who:data --why:data --server-args:data --server-num:data --tool:data | assigns reopens
fakeroot fakechroot | program | program | -l:data --lib:data -s:data -i:data -b:data --faked:data | bare-shell
bwrap proot | program | program | --bind%:data --ro-bind%:data --dev+:data --proc+:data --chdir:data --setenv%:data
    -r:data -b:data -w:data -q:shell | bare-shell
strace ltrace truss dtruss | program | program | -e:data -o:shell -p:data -s:data -u:data -E:data -a:data -b:data
    -I:data -O:data -P:data -S:data -X:data -n:data -l:data -x:data -A:data --output:data --trace:data |
pkexec | program | program | --user:data | bare-shell
systemd-run | program | program | -u:data --unit:data -p:data --property:data -E:data --setenv:data -H:data
    --host:data -M:data --machine:data --description:data --slice:data --uid:data --gid:data --nice:data
    --working-directory:data --on-active:data --on-calendar:data --timer-property:data | bare
start-stop-daemon | program | program | -x:program -n:data -p:data -u:data -c:data -g:data -d:data -a:program
    --exec:program --startas:program --name:data --pidfile:data --chuid:data --chdir:data | reopens
flock | data program | data data* | -c:shell --command:shell -w:data --timeout:data -E:data --conflict-exit-code:data
    | reopens permutes
script | data | data | -c:shell --command:shell -E:data -I:data -O:data -B:data -T:data -m:data -o:data --echo:data
    --log-in:data --log-out:data --log-io:data | permutes bare-shell
su runuser | data data* | data data* | -c:shell --command:shell --session-command:shell -s:file --shell:file -g:data
    --group:data -G:data --supp-group:data -u:data --user:data -w:data | permutes stdin
sg newgrp | data shell* | data shell* | -c:shell | bare-shell
machinectl | data data program | | --uid:data -E:data |
watch | joined* | joined* | -n:data --interval:data -q:data --equexit:data | runs-shells
ssh slogin autossh rsh remsh dbclient plink | data joined* | data joined* | -B:data -b:data -c:data -D:data -E:data
    -e:data -F:file -I:file -i:data -J:data -L:data -l:data -m:data -M:data -O:data -o:setting -p:data -Q:data -R:data
    -S:data -W:data -w:data | runs-shells stdin refuses
mosh | data joined* | data joined* | --ssh:shell --server:shell --client:shell -p:data --port:data | runs-shells
sshpass | program | program | -p:data -f:data -d:data -P:data |
xargs | program | program | -a:data --arg-file:data -d:data --delimiter:data -E:data -I:replace -i?:replace
    --replace?:replace -L:data -l?:data --max-lines?:data -n:data --max-args:data -P:data --max-procs:data -s:data
    --max-chars:data -e?:data --process-slot-var:data -J:replace -R:data -S:data |
parallel sem rush | shell* | shell* | --ssh,--rpl:shell --id:data -j:data --jobs:data -P:data -a:data --arg-file:data
    -I:data -d:data -n:data -N:data
    -L:data -S,--sshlogin:shell --colsep:data --joblog:data --results:data --delay:data --timeout:data
    --tmpdir:data --env:data --workdir:data --wd:data --halt:data --retries:data | runs-shells
heaptrack websocketd ttyd gotty byobu appimage-run | program | | -p,--port,-o,--output:data |
envchain | data program | | |
tcpserver udpsvd tcpsvd | data data program | | -c,-u,-g,-x,-h:data |
watchexec | shell* | shell* | --shell,-w,--watch,-e,--exts,-f,--filter,-i,--ignore,-d,--debounce:data |
wsl | joined* | joined* | -d,--distribution,-u,--user,--cd:data -e=program --exec=program | runs-shells
entr | program | shell* | |
hyperfine | shell* | shell* | -p:shell --prepare:shell -s:shell --setup:shell -c:shell --cleanup:shell -S:file
    --shell:file -n:data --command-name:data -w:data --warmup:data -r:data --runs:data -m:data -M:data -L+:data
    --export-json:data --export-markdown:data --export-csv:data --conclude:shell | permutes
pee | shell* | shell* | |
nodemon | file data* | data* | -x:shell --exec:shell -e:data -w:data --watch:data -i:data --ext:data --ignore:data
    --cwd:data | permutes
nix-shell | data* | data* | --run:shell --command:shell -p:code --packages:code -E:code --expr:code -I:data
    --arg%:code --argstr%:data | permutes bare-shell
nix nix-env nix-build nix-instantiate guix | data* | data* | -c:program --command:program -E:code --expr:code
    --apply:code -f:file --file:file | permutes
ansible | data | | -a:shell --args:shell -m,--module-name:module -i:data -e:setting --extra-vars:setting -u:data
    -l:data | permutes
ansible-playbook | file* | | -e:setting --extra-vars:setting -i:data
    -l,--limit,-t,--tags,--skip-tags,-u,--start-at-task:data | permutes
salt fab | data shell* | data shell* | |
salt-call | module shell* | module shell* | -l,-c:data |
ansible-console | data* | | -i,-u,-l:data | always-stdin permutes
pdsh clush dsh cssh | shell* | shell* | -w:data -x:data -l:data -R:data -f:data -u:data -H:data
    -g:data |
at batch | data* | data* | -f:file -q:data -t:data | always-stdin
crontab | file | file | -u:data | stdin
login | data program | data program | -h:data -r:data | bare-shell
getty agetty mingetty | data* | data* | -l:program --login-program:program -o:data --login-options:data | permutes
ip | data data data program | | -n:data -b:file -batch:file --batch:file -f:data | words
systemd-nspawn | program | | -D:data --directory:data -i:data --image:data -M:data --machine:data -u:data --user:data
    --bind:data --setenv:data -E:data | bare-shell
qemu-x86_64 qemu-i386 qemu-aarch64 qemu-arm wine wine64 mono box64 | program | | -L:data -E:data -U:data -cpu:data |
    words
screen | program | joined* | -X=shell -S:data -t:data -T:data -c:file -h:data -s:file -p:data |
tmux | shell* | shell* | -c:shell -f:file -L:data -S:data -T:data |
dtach abduco | data program | | -e:data -E:data |
socat | joined* | joined* | -d:data -lf:data -t:data -T:data -b:data | words
nc ncat netcat | data* | data* | -e:shell --exec:shell -c:shell --sh-exec:shell --lua-exec:file -p:data -s:data
    -w:data -q:data -X:data -x:data -i:data | permutes
"""
