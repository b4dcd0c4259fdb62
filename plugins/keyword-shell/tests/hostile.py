"""Commands with a value in a place where it could become code, and values that would."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

CANARY: Final = "MARK"  # a file that only a value's code makes
_TOUCH: Final = "touch MARK"
_PYTHON: Final = "__import__('os').system('touch MARK')"
_NODE: Final = "require('child_process').execSync('touch MARK')"

VALUES: Final = (
    _TOUCH,
    f"; {_TOUCH}",
    f"; {_TOUCH};",
    f"\n{_TOUCH}\n",
    f"& {_TOUCH} &",
    f"| {_TOUCH}",
    f"|| {_TOUCH}",
    f"&& {_TOUCH}",
    f"$({_TOUCH})",
    f"`{_TOUCH}`",
    f'"$({_TOUCH})"',
    f'"; {_TOUCH}; "',
    f"'; {_TOUCH}; '",
    f"'$({_TOUCH})'",
    f"\\'; {_TOUCH}; \\'",
    f"}}; {_TOUCH}; {{",
    f"); {_TOUCH}; (",
    f";; *) {_TOUCH};; esac",
    f"EOF\n{_TOUCH}\nEOF",
    f"a; {_TOUCH} #",
    f"v={_TOUCH}; $v",
    f"a[$({_TOUCH})]",
    f"a[`{_TOUCH}`]=1",
    f"x[$({_TOUCH})]",
    f"([$({_TOUCH})]=1)",
    f"-v a[$({_TOUCH})]",
    f"$(({_TOUCH}))",
    "touch${IFS}MARK",
    "{touch,MARK}",
    f"-c{_TOUCH}",
    f"-c {_TOUCH}",
    "-c",
    "-s",
    "-i",
    f"-S{_TOUCH}",
    f"--eval={_NODE}",
    f"--command={_TOUCH}",
    f"--exec={_TOUCH}",
    f"--upload-pack={_TOUCH}",
    f"--open-files-in-pager={_TOUCH} #",
    f"--checkpoint-action=exec={_TOUCH}",
    f"--use-compress-program={_TOUCH}",
    f"--to-command={_TOUCH}",
    f"--filter={_TOUCH}",
    f"-P{_TOUCH}",
    f"--expression=1e {_TOUCH}",
    f"-e1e {_TOUCH}",
    f"-esystem('{_TOUCH}')",
    f"-cimport os;os.system('{_TOUCH}')",
    _PYTHON,
    f"');{_PYTHON}#",
    f'");{_PYTHON}#',
    f"import os;os.system('{_TOUCH}')",
    f"system('{_TOUCH}')",
    f"@{{[system('{_TOUCH}')]}}",
    f"');system('{_TOUCH}');('",
    f'"; system("{_TOUCH}"); "',
    f'BEGIN{{system("{_TOUCH}")}}',
    f'"}} BEGIN{{system("{_TOUCH}")}} {{"',
    f"{_TOUCH}|",
    _NODE,
    f'"+{_NODE}+"',
    f"'+{_NODE}+'",
    f"x/;e {_TOUCH}\n#",
    f"1e {_TOUCH}",
    f"!{_TOUCH}",
    f"+!{_TOUCH}",
    f"$(shell {_TOUCH})",
    f"X:=$(shell {_TOUCH})",
    f".shell {_TOUCH}",
    f"exec {_TOUCH}",
    f"core.fsmonitor={_TOUCH}",
    f"alias.st=!{_TOUCH}",
    "eval",
    "sh",
    "/proc/self/environ",
)

_WRAPPERS: Final = (
    "", "env ", "env A=b ", "env -i PATH=/usr/bin:/bin ", "/usr/bin/env ", "nice ", "nice -n 5 ", "nice -5 ", "timeout 5 ",
    "timeout -s TERM --kill-after=1 5 ", "nohup ", "setsid ", "setsid -w ", "stdbuf -o0 ", "command ", "command -p ", "command -- ",
    "exec ", "exec -a name ", "time ", "time -p ", "! ", "ionice -c 3 ", "taskset 1 ", "chrt -o 0 ", "unshare ",
    "setarch x86_64 ", "flock f ", "sudo ", "sudo -n -u root ", "env env ", "nice timeout 5 ", "A=b ", "A=b exec ", "chroot / ", "coproc ",
    "if true; then ", "{ ", "( ", "true && ", "false || ", "eval ", "xargs -n1 -0 ", "xargs ", "prlimit ", "setpriv ", "find . -maxdepth 0 -exec ",
)  # fmt: skip
_CLOSING: Final = {"if true; then ": "; fi", "{ ": "; }", "( ": " )", "find . -maxdepth 0 -exec ": " \\;"}
_CODES: Final = (
    "sh -c {{x}}", "sh -c 'echo {{x}}'", 'sh -c "echo {{x}}"', "bash -c {{x}}", "bash -ec 'echo \"{{x}}\"'", "dash -c 'v={{x}}'",
    "bash -o pipefail -c 'echo {{x}} | cat'", "sh -eo nounset -c {{x}}", "bash +O extglob -c {{x}}",
    "/bin/sh -c 'true {{x}}'", "bash --norc -c {{x}}", "bash --rcfile f -c {{x}}", "sh -c -- {{x}}", "sh -x -c 'a={{x}}; echo $a'",
)  # fmt: skip

_SOURCES: Final = (
    "echo {{x}}", "printf '%s\\n' {{x}}", "printf %s {{x}}", "cat <<< {{x}}", "{ echo {{x}}; }", "(echo {{x}})",
    "if true; then echo {{x}}; fi", "for i in 1; do echo {{x}}; done", "for i in {{x}}; do echo \"$i\"; done",
    "while true; do echo {{x}}; break; done", "until false; do echo {{x}}; break; done", "case a in a) echo {{x}};; esac",
    "f() { echo {{x}}; }; f", "f() { echo \"$1\"; }; f {{x}}", "v={{x}}; echo \"$v\"", "set -- {{x}}; echo \"$1\"", "echo {{x}} | cat",
    "echo {{x}} | tee g", "echo {{x}} | while read -r l; do echo \"$l\"; done", "echo {{x}} > g; cat g", "echo \"$(echo {{x}})\"",
    "export v={{x}}; sh -c 'echo \"$v\"'", "sh -c 'echo \"$1\"' sh {{x}}", "{ { (echo {{x}}); }; }", "! echo {{x}}", "true && echo {{x}}",
    "v=$(echo {{x}}); echo \"$v\"", "env v={{x}} sh -c 'echo \"$v\"'", "awk -v v={{x}} 'BEGIN{print v}'", "time echo {{x}}",
)  # fmt: skip
_SINKS: Final = (
    "sh", "bash", "sh -s", "bash -s a", "sh -", "sh -e", "sh /dev/stdin", "(sh)", "{ sh; }", "if true; then sh; fi",
    "while :; do sh; break; done", "case a in a) sh;; esac", "cat | sh", "env sh", "env -i sh", "nice sh", "timeout 5 sh", "command sh", "exec sh",
    "sudo sh", "nohup sh", "setsid sh", "sh -c sh", "sh -c 'cat | sh'", "sh -c '. /dev/stdin'", "xargs -I% sh -c %", "xargs -I% sh -c 'echo %'", "xargs -0 -I{} sh -c {}", "xargs sh -c",
    "xargs -n1 sh", "xargs -0 env -S", "xargs -I% env -S %", "xargs -I% nice sh -c %", "xargs -I% %", "xargs", "xargs -d '\\n' -I% bash -c '%'", "python3", "python3 -", "perl", "node", "node -",
    "ed -s f", "make -s -f -", "sqlite3 :memory:", "vim -es f", "ex -s f", "tclsh", "while read -r l; do eval \"$l\"; done", "while read -r l; do $l; done", "{ read -r v; $v; }",
    "{ read -r v; sh -c \"$v\"; }", "{ read -r v; eval \"$v\"; }", "{ read -r v; echo $((v)); }", "{ read -r v; echo ${!v}; }", ". /dev/stdin", "source /dev/stdin",
    "awk '{system($0)}'", "sed e", "sed 's/.*/&/e'", "perl -ne 'system $_'", "python3 -c 'import os,sys; os.system(sys.stdin.read())'", "tee g >/dev/null; sh g", "cat > g; . ./g",
    "(cat > g; sh g)", "dd of=g 2>/dev/null; sh g", "tee >(sh)", "{ v=$(cat); eval \"$v\"; }", "f2() { sh; }; :", "mapfile -t a; eval \"${a[0]}\"", "sh <&0", "su root -c sh", "script -q g",
    "unshare", "chroot / sh -c 'cat | sh'", "at now", "gdb -batch -x /dev/stdin", "tr a a | sed p | bash", "perl -", "bc", "m4", "xargs -I% git grep -O%",
)  # fmt: skip

_VARIABLES: Final = (
    "v={{x}}", "export v={{x}}", "readonly v={{x}}", "v=a{{x}}", "v=\"{{x}}\"", "w={{x}}; v=$w", "v=$(echo {{x}})", "read -r v <<< {{x}}", "for v in {{x}}; do :; done",
    "set -- {{x}}; v=$1", ": \"${w:={{x}}}\"; v=$w", "w={{x}}; : ${v:=$w}", "printf -v v %s {{x}}", "v=; v+={{x}}", "f() { v=$1; }; f {{x}}", "mapfile -t v <<< {{x}}",
)  # fmt: skip
_USES: Final = (
    "eval \"$v\"", "eval $v", "$v", "\"$v\"", "sh -c \"$v\"", "bash -c \"$v\"", "sh -c $v", "sh $v", "sh -c 'eval \"$v\"'", "env sh -c \"echo $v\"", "trap \"$v\" EXIT", "trap \"echo $v\" 0",
    "echo \"$v\" | sh", "sh <<< \"$v\"", "sh <<EOF\n$v\nEOF\n", ". /dev/stdin <<EOF\n$v\nEOF\n", "echo $((v))", "echo $((v + 1))", "echo ${!v}", "echo ${v@P}", "a[$v]=1", "echo ${a[$v]}", "[ $v ]", "test -v \"$v\"",
    "[[ $v -eq 1 ]]", "[[ -v $v ]]", "((v))", "let v", "declare -i n=$v", "declare -i n; n=$v", "declare -n r=$v; echo $r", "unset \"$v\"", "printf -v \"$v\" a", "alias a=\"$v\"\na",
    "python3 -c \"$v\"", "perl -e \"$v\"", "awk \"$v\" f", "sed \"s/l/$v/\" f", "node -e \"$v\"", "echo \"$v\" > g; sh g", "echo \"$v\" > g; . ./g", "chmod +x g; echo \"$v\" > g; ./g", "xargs -I% sh -c % <<< \"$v\"",
    "f2() { eval \"$1\"; }; f2 \"$v\"", "f2() { $1; }; f2 \"$v\"", "eval \"echo $v\"", "eval 'echo $v; eval $v'", "command eval \"$v\"", "exec $v", "env $v", "nice $v", "find . -maxdepth 0 -exec sh -c \"$v\" \\;", "`echo $v`", "$(echo $v)",
    "PS4=$v; set -x; :", "bash <(echo \"$v\")", "source <(echo \"$v\")", "git -c \"$v\" status", "${v}", "compgen -W \"$v\"", "echo ${a:$v}", "echo ${PATH:v:1}", "[ a = $v ]", "timeout 5 $v", "$v f", "eval set -- \"$v\"", "make V=\"$v\"", "su root -c \"$v\"", "script -qc \"$v\" /dev/null", "xargs $v < f", "case $v in *) eval \"$v\";; esac",
)  # fmt: skip

_PROGRAMS: Final = (
    "python3 -c {{x}}", "python3 -c \"print('{{x}}')\"", "python3 -Ic \"print('{{x}}')\"", "python3 -uc{{x}}", "python3.11 -c \"print('{{x}}')\"", "python3 {{x}}", "python3 -W ignore -c \"print('{{x}}')\"", "python3 -X utf8 -c {{x}}", "python3 -m timeit {{x}}", "python3 -m timeit -s pass {{x}}", "python3 -c 'import sys; exec(sys.argv[1])' {{x}}", "python3 -c 'import os,sys; os.system(sys.argv[1])' {{x}}", "python3 <<< {{x}}", "python3 - <<< {{x}}", "python3 -m pdb {{x}}", "python3 -i -c {{x}}",
    "perl -e {{x}}", "perl -we \"print qq({{x}})\"", "perl -E {{x}}", "perl {{x}}", "perl -ne 'print' {{x}}", "perl -pe 's/a/b/' {{x}}", "perl -e 'while (<>) { print }' {{x}}", "perl -M{{x}} -e 1", "perl -e 1 -e {{x}}", "perl -le 'print eval $ARGV[0]' {{x}}", "perl -ne {{x}} f", "perl -pie {{x}} f", "perl -0777 -ne {{x}} f", "perl -d:{{x}} -e 1", "perl -Mstrict -e {{x}}",
    "node -e {{x}}", "node -p {{x}}", "node --eval {{x}}", "node --eval={{x}}", "node --eval='console.log(\"{{x}}\")'", "node -pe {{x}}", "node {{x}}", "node --print={{x}}", "node -e 'eval(process.argv[1])' {{x}}", "node -r f -e {{x}}", "node --input-type=module -e {{x}}", "node - <<< {{x}}", "node -e \"console.log('{{x}}')\"",
    "awk {{x}} f", "awk '{print \"{{x}}\"}' f", "awk -F: {{x}} f", "awk -v a=b {{x}} f", "awk -v v={{x}} 'BEGIN{system(v)}'", "awk '{system($0)}' <<< {{x}}", "awk -- {{x}} f", "mawk {{x}} f", "awk -f /dev/stdin f <<< {{x}}", "awk -v v={{x}} 'BEGIN{v | getline; print}'", "awk -v v={{x}} 'BEGIN{print 1 | v}'", "awk -f {{x}} f",
    "sed {{x}} f", "sed -e {{x}} f", "sed -e 's/l/{{x}}/' f", "sed -i -e 's/l/{{x}}/' f", "sed --expression='s/l/{{x}}/' f", "sed --exp={{x}} f", "sed -n {{x}} f", "sed -ne {{x}} f", "sed -ne{{x}} f", "sed -e p f {{x}}", "sed p {{x}} f", "sed -E \"s/(l)/{{x}}/g\" f", "sed -f /dev/stdin f <<< {{x}}", "sed -i.bak 's/l/{{x}}/' f", "sed -l 5 {{x}} f", "sed --quiet {{x}} f", "sed -s {{x}} f",
    "vim -es -c {{x}} -c q f", "vim -es --cmd {{x}} -c q f", "vim -es {{x}} -c q f", "ex -s {{x}} f", "ex -s -c {{x}} -c q f", "vim -es +{{x}} -c q f", "ed -s {{x}}", "ed -s f <<< {{x}}", "ex -s f <<< {{x}}", "vi -es -c {{x}} f",
    "sqlite3 :memory: {{x}}", "sqlite3 -cmd {{x}} :memory: 'select 1'", "sqlite3 :memory: <<< {{x}}", "sqlite3 {{x}} 'select 1'", "sqlite3 :memory: 'select 1' {{x}}", "jq -n {{x}}", "jq -r '.a{{x}}' f", "psql -c {{x}}", "tclsh {{x}}", "tclsh <<< {{x}}", "gdb -batch -ex {{x}}", "gdb -batch -x /dev/stdin <<< {{x}}", "gdb -ex={{x}} -batch",
    "make {{x}}", "make V={{x}}", "make -s V={{x}} all", "make --eval={{x}}", "make -f f --eval {{x}}", "make build-{{x}}", "make -- {{x}}", "make -f - <<< {{x}}", "V={{x}} make all", "export V={{x}}; make all", "make -e V={{x}} all", "make -C . V={{x}} all", "env V={{x}} make all", "CC={{x}} make g.o", "make CFLAGS={{x}} g.o",
    "tar cf g.tar {{x}}", "tar -cf g.tar {{x}} f", "tar cf g.tar --checkpoint=1 {{x}} f", "tar --checkpoint=1 --checkpoint-action={{x}} -cf g.tar f", "tar --checkpoint=1 --checkpoint-action=exec={{x}} -cf g.tar f", "tar -I {{x}} -cf g.tar f", "tar -I{{x}} -cf g.tar f", "tar --use-compress-program={{x}} -cf g.tar f", "tar --use={{x}} -cf g.tar f", "tar cf g.tar f --to-command={{x}}", "tar -xf h.tar --to-command {{x}}", "tar -xf h.tar {{x}}", "tar xf h.tar --to-command={{x}}", "tar -cf g.tar -F {{x}} -L 1 f",
    "git -c {{x}} status", "git -c core.fsmonitor={{x}} status", "git -c core.pager={{x}} -p status", "git -c alias.x={{x}} x", "git -c alias.x='!{{x}}' x", "git -c alias.x='!eval' x {{x}}", "git grep -O{{x}} line", "git grep {{x}} line", "git grep --open-files-in-pager={{x}} line", "git clone {{x}} . d", "git clone -u {{x}} . d", "git clone --upload-pack={{x}} . d", "git clone --upload-pack {{x}} . d", "git ls-remote {{x}} .", "git ls-remote --upload-pack={{x}} .", "git fetch {{x}} .", "git fetch --upload-pack={{x}} .", "git rebase --exec={{x}} HEAD~1", "git rebase -x {{x}} HEAD~1", "git config alias.x {{x}}; git x", "git config core.pager {{x}}; git -p status", "git config core.fsmonitor {{x}}; git status", "git bisect run {{x}}", "git submodule foreach {{x}}", "git difftool -y -x {{x}}", "git difftool -y --extcmd={{x}}", "git filter-branch -f --msg-filter {{x}}", "git filter-branch -f --tree-filter '{{x}}' HEAD", "git archive --remote=. --exec={{x}} HEAD", "git --exec-path={{x}} status", "git {{x}} status", "git push . --receive-pack={{x}}", "git push {{x}} .", "git pull {{x}} .", "git -C . -c {{x}} status", "GIT_SSH_COMMAND={{x}} git ls-remote ssh://localhost/x", "GIT_PAGER={{x}} git -p log", "GIT_EDITOR={{x}} git commit --amend", "EDITOR={{x}} git commit --amend", "PAGER={{x}} git -p log", "GIT_EXTERNAL_DIFF={{x}} git diff HEAD~1",
    "find . -maxdepth 0 -exec {{x}} \\;", "find . -maxdepth 0 -exec sh -c {{x}} \\;", "find . -maxdepth 0 -exec sh -c 'echo {{x}}' _ {} \\;", "find . -maxdepth 0 -execdir bash -c {{x}} \\;", "find . -maxdepth 0 -exec sh -c {{x}} {} +", "find . -maxdepth 0 -ok sh -c {{x}} \\;", "find {{x}} {{x}} {{x}}", "find . -exec env -S {{x}} \\;", "find . -name f -exec nice sh -c {{x}} \\;",
    "env -S {{x}}", "env -S{{x}}", "env --split-string={{x}}", "env --split={{x}}", "env -iS {{x}}", "env {{x}}", "env {{x}} f", "env A=b -S {{x}}", "env -u A -S {{x}}", "env -vS {{x}}", "env BASH_ENV={{x}} bash -c :", "env {{x}} sh -c :",
    "su root -c {{x}}", "su -c {{x}} root", "su - root -c {{x}}", "su --command={{x}} root", "su root -- -c {{x}}", "su -s /bin/bash -c 'echo {{x}}' root", "su root --session-command {{x}}", "runuser -u root -- sh -c {{x}}", "runuser root -c {{x}}", "su {{x}}", "sudo -s {{x}}", "sudo -i {{x}}", "sudo sh -c {{x}}", "sudo -u root bash -c 'echo {{x}}'", "sudo {{x}}", "sudo env sh -c {{x}}",
    "script -qc {{x}} /dev/null", "script -q -c 'echo {{x}}' /dev/null", "script --command={{x}} /dev/null", "script -qc{{x}} /dev/null", "script /dev/null -qc {{x}}", "script -qec {{x}} /dev/null", "script {{x}}", "script -q /dev/null -c {{x}}",
    "flock f -c {{x}}", "flock -c {{x}} f", "flock f --command {{x}}", "flock -n f -c 'echo {{x}}'", "flock f sh -c {{x}}", "split --filter={{x}} f", "split --filter {{x}} f", "split {{x}} f", "split -l 1 --filter='{{x}}' f", "sort --compress-program={{x}} f", "man -P {{x}} ls", "man --pager={{x}} ls", "man {{x}}", "less {{x}}", "ssh localhost {{x}}", "ssh {{x}} localhost", "ssh -o ProxyCommand={{x}} localhost", "ssh -oProxyCommand={{x}} localhost", "ssh -o {{x}} localhost", "ssh {{x}}", "scp -o ProxyCommand={{x}} f localhost:f", "scp -S {{x}} f localhost:f", "sftp -o ProxyCommand={{x}} localhost", "rsync -e {{x}} f localhost:f", "rsync --rsh={{x}} f localhost:f", "watch {{x}}", "watch -n 1 'echo {{x}}'", "parallel {{x}} ::: a", "parallel sh -c {{x}} ::: a", "ssh localhost 'echo {{x}}'", "ssh -p 22 localhost sh -c {{x}}", "xargs -a f {{x}}", "xargs -I{{x}} sh -c 'echo {{x}}' < f", "gcc -wrapper {{x}} f.c", "bc <<< {{x}}", "m4 <<< {{x}}", "php -r {{x}}", "ruby -e {{x}}", "ruby {{x}}", "lua -e {{x}}", "Rscript -e {{x}}", "julia -e {{x}}", "osascript -e {{x}}", "docker exec c sh -c {{x}}", "kubectl exec p -- sh -c 'echo {{x}}'", "tmux new-session -d {{x}}", "screen -dm sh -c {{x}}", "socat - EXEC:{{x}}", "nc -e {{x}} localhost 1", "npx -c {{x}}", "crontab - <<< {{x}}", "at now <<< {{x}}", "batch <<< {{x}}", "expect -c {{x}}", "emacs --batch --eval {{x}}", "dc -e {{x}}", "mysql -e {{x}}", "systemd-run sh -c {{x}}", "start-stop-daemon --start --exec {{x}}", "strace sh -c {{x}}", "xvfb-run sh -c {{x}}", "busybox sh -c {{x}}", "zsh -c {{x}}", "ksh -c {{x}}", "fish -c {{x}}", "csh -c {{x}}", "mywrapper sh -c {{x}}", "mywrapper --opt bash -c 'echo {{x}}'",
)  # fmt: skip

_BUILTINS: Final = (
    "eval {{x}}", "eval echo {{x}}", "eval \"echo '{{x}}'\"", "eval -- {{x}}", "eval \"$(printf %s {{x}})\"", "eval 'v='{{x}}", "\\eval {{x}}", "'eval' {{x}}", "e\"v\"al {{x}}", "builtin eval {{x}}", "command builtin eval {{x}}", "v=1 eval {{x}}", "function f { eval {{x}}; }; f", "f() { eval {{x}}; }; f", "f() { eval \"$1\"; }; f {{x}}", "f() { \"$@\"; }; f {{x}}", "f() { $1; }; f {{x}}", "f() { $@; }; f {{x}}", "f() ( eval \"$1\" ); f {{x}}", "f() if true; then eval \"$1\"; fi; f {{x}}", "f() { g() { eval \"$1\"; }; g \"$1\"; }; f {{x}}", "time eval {{x}}", "time -p eval {{x}}", "! eval {{x}}", "if eval {{x}}; then :; fi", "while eval {{x}}; do break; done", "case a in a) eval {{x}};; esac", "(eval {{x}})", "{ eval {{x}}; }", "echo $(eval {{x}})", "echo \"$(eval {{x}})\"", "cat <(eval {{x}})",
    "trap {{x}} EXIT", "trap -- {{x}} EXIT", "trap 'echo {{x}}' 0", "trap \"{{x}}\" EXIT", "v={{x}}; trap 'eval \"$v\"' EXIT", "set -- {{x}}; eval \"$1\"", "set -- {{x}}; \"$@\"", "set -- {{x}}; sh -c \"$1\"", "set -- a {{x}}; shift; eval \"$*\"", ": {{x}}; eval \"$_\"", ": {{x}}; $_", ". {{x}}", ". ./{{x}}", "source {{x}}", ". /dev/stdin <<< {{x}}", "source <(echo {{x}})", ". <(echo {{x}})", "alias a={{x}}\na", "alias {{x}}", "{{x}}", "{{x}} f", "./{{x}}", "{{x}} {{x}}", "$(echo {{x}})", "`echo {{x}}`", "$(printf '%s' {{x}})", "exec {{x}}", "exec $(echo {{x}})", "command {{x}}", "command $(echo {{x}})", "$v {{x}}", "c=eval; $c {{x}}", "c=sh; $c -c {{x}}", "${c:-eval} {{x}}", "$(echo eval) {{x}}", "\"$SHELL\" -c {{x}}", "${SHELL:-sh} -c {{x}}", "$0 -c {{x}}", "sh {{x}}", "sh -- {{x}}", "sh ./{{x}}", "sh < {{x}}", "bash <(echo {{x}})", "sh <<< {{x}}", "sh 0<<< {{x}}", "exec 3<<< {{x}}; sh <&3", "exec <<< {{x}}; sh", "sh /dev/fd/3 3<<< {{x}}", "sh < <(echo {{x}})", "sh <<EOF\n{{x}}\nEOF", "cat <<EOF | sh\n{{x}}\nEOF", "cat <<'EOF' | sh\n{{x}}\nEOF", "sh <<EOF\necho \"{{x}}\"\nEOF", "{ sh; } <<< {{x}}", "(sh) <<< {{x}}", "if true; then sh; fi <<< {{x}}", "while read -r l; do sh -c \"$l\"; done <<< {{x}}", "while read -r l; do eval \"$l\"; done < <(echo {{x}})", "until ! read -r l; do eval \"$l\"; done <<< {{x}}", "for i in {{x}}; do eval $i; done", "for i in {{x}}; do $i; done", "for i in {{x}}; do sh -c \"$i\"; done", "select i in {{x}}; do eval $i; break; done <<< 1", "echo {{x}} > >(sh)", "echo {{x}} | tee >(sh)", "exec 3> >(sh); echo {{x}} >&3", "coproc sh; echo {{x}} >&${COPROC[1]}", "exec > >(sh); echo {{x}}", "mkfifo p; sh < p & echo {{x}} > p; wait", "mapfile -C {{x}} -c 1 a < f", "readarray -C \"{{x}}\" -c1 a < f", "compgen -W {{x}}", "complete -C {{x}} a", "bind -x {{x}}", "enable -f {{x}} a", "fc -s {{x}}", "jobs -x {{x}}", "hash -p {{x}} ls; ls", "let {{x}}", "let a={{x}}", "echo $(({{x}}))", "echo $((1+{{x}}))", "(({{x}}))", "for ((i={{x}};i<1;i++)); do :; done", "[[ {{x}} -eq 1 ]]", "[[ 1 -lt {{x}} ]]", "[[ -v {{x}} ]]", "a[{{x}}]=1", "a=([{{x}}]=1)", "declare -i n={{x}}", "declare -i n; n={{x}}", "declare -a a={{x}}", "declare -A a; a[{{x}}]=1", "declare {{x}}", "typeset {{x}}=1", "declare \"a={{x}}\"; declare -a a; declare a={{x}}", "a=(); declare a={{x}}", "f() { local -a a; local a={{x}}; }; f", "f() { local -i a={{x}}; }; f", "declare -n r={{x}}; echo $r", "export {{x}}", "export {{x}}=1", "readonly {{x}}", "unset {{x}}", "unset -v {{x}}", "read {{x}} < f", "read -a {{x}} < f", "printf -v {{x}} a", "printf {{x}} {{x}}", "test -v {{x}}", "[ -v {{x}} ]", "[ {{x}} {{x}} ]", "test {{x}} {{x}}", "getopts a {{x}}", "wait -p {{x}} -n", "mapfile {{x}} < f", "echo ${v:-{{x}}}", "echo ${v:={{x}}}", "echo \"${v:+{{x}}}\"", "echo ${!{{x}}}", "echo $'{{x}}'", "echo $\"{{x}}\"", "echo >&{{x}}", "RANDOM={{x}}", "SECONDS={{x}}", "OPTIND={{x}}", "HISTCMD={{x}}", "PS4={{x}}; set -x; :", "PS4={{x}} sh -xc :", "BASH_ENV={{x}} bash -c :", "export BASH_ENV={{x}}; bash -c :", "ENV={{x}} sh -ic : 2>/dev/null", "PROMPT_COMMAND={{x}} bash -i <<< exit", "IFS={{x}}; eval $(echo a)", "PATH={{x}}; ls", "PATH={{x}}:$PATH ls", "LD_PRELOAD={{x}} ls", "PYTHONPATH={{x}} python3 -c 1", "PYTHONSTARTUP={{x}} python3 -i <<< 1", "PERL5OPT={{x}} perl -e 1", "NODE_OPTIONS={{x}} node -e 1", "env PERL5OPT={{x}} perl -e 1", "export PERL5OPT={{x}}; perl -e 1", "declare -x PERL5OPT={{x}}; perl -e 1", "MAKEFLAGS={{x}} make all", "TAR_OPTIONS={{x}} tar cf g.tar f", "LESSOPEN={{x}} less f", "MANPAGER={{x}} man ls", "SHELL={{x}} script -q /dev/null", "PERL5DB={{x}} perl -d f", "VIMINIT={{x}} vim -es -c q f",
    "sh -c '\"$1\"' _ {{x}}", "sh -c '$1' _ {{x}}", "sh -c 'eval \"$1\"' _ {{x}}", "sh -c '\"$@\"' {{x}}", "sh -c '$0' {{x}}", "sh -c 'eval $0' {{x}}", "sh -c 'sh -c \"$1\"' _ {{x}}", "bash -c 'echo $(($1))' _ {{x}}", "bash -c '[[ $1 -eq 1 ]]' _ {{x}}", "bash -c 'a[$1]=1' _ {{x}}", "sh -c 'echo $1 | sh' _ {{x}}", "sh -c '. $1' _ {{x}}", "sh -c 'for i; do eval $i; done' _ {{x}}", "sh -c 'f() { $1; }; f $1' _ {{x}}", "sh -c 'trap \"$1\" EXIT' _ {{x}}", "sh -c 'while :; do eval \"$1\"; break; done' _ {{x}}", "sh -c 'v=$1; eval $v' _ {{x}}", "find . -maxdepth 0 -exec sh -c 'eval \"$1\"' _ {{x}} \\;", "xargs sh -c 'eval \"$@\"' _ <<< {{x}}", "env v={{x}} sh -c 'eval \"$v\"'", "v={{x}} sh -c 'eval \"$v\"'", "v={{x}} bash -c 'echo $((v))'", "sudo v={{x}} sh -c 'eval \"$v\"'", "echo {{x}} > g; sh g", "echo {{x}} > g && . ./g", "echo {{x}} > g; chmod +x g; ./g", "echo {{x}} >> g; bash ./g", "printf %s {{x}} | tee g > /dev/null; sh g", "echo {{x}} > \"$PWD/g\"; sh \"$PWD/g\"", "F=g; echo {{x}} > $F; sh $F", "{ echo {{x}}; } > g; sh g", "cat > g <<< {{x}}; source ./g", "echo {{x}} > g; cp g h; sh h", "echo {{x}} > g; sh < g", "echo {{x}} > g; cat g | sh", "echo {{x}} > g; eval \"$(cat g)\"", "echo {{x}} > g; $(cat g)", "echo {{x}} > g; python3 g", "echo {{x}} > g; xargs sh -c < g", "echo {{x}} > Makefile; make all", "echo {{x}} > g; vim -es -S g -c q f", "echo {{x}} > g; sed -f g f", "echo {{x}} > g; awk -f g f", "echo {{x}} > g; read -r v < g; eval $v", "git commit -q --allow-empty -m {{x}}; eval \"$(git log -1 --format=%s)\"", "touch -- {{x}}; eval \"$(ls)\"", "mkdir -- {{x}}; sh -c \"$(ls)\"", "(exit 0); echo {{x}} | { cat; } | { cat | bash; }",
)  # fmt: skip


def _wrapped() -> Iterator[str]:
    for number, (wrapper, code) in enumerate(product(_WRAPPERS, _CODES)):
        if number % 3 == 0 or wrapper in {"", "env "}:
            yield wrapper + code + _CLOSING.get(wrapper, "")


def _piped() -> Iterator[str]:
    for number, source in enumerate(_SOURCES):
        for other, sink in enumerate(_SINKS):
            if number == 0 or other == 0 or (number * 7 + other) % 19 == 0:
                before, _, last = (
                    source.rpartition("; ")
                    if ("() {" in source or source.startswith(("v=", "set", "export")))
                    else ("", "", source)
                )
                yield (before + "; " if before else "") + f"{last} | {sink}"


def _kept() -> Iterator[str]:
    for number, variable in enumerate(_VARIABLES):
        for other, use in enumerate(_USES):
            if number == 0 or other in {0, 2, 4} or (number * 5 + other) % 17 == 0:
                yield f"{variable}; {use}"


COMMANDS: Final = tuple(dict.fromkeys((*_BUILTINS, *_PROGRAMS, *_wrapped(), *_piped(), *_kept())))

# Tasks without a placeholder in `command`: `{{x}}` stands in these fields.
TASKS: Final[tuple[dict[str, Any], ...]] = (
    {"argv": ["sh", "-c", "{{x}}"]}, {"argv": ["bash", "-c", "echo {{x}}"]}, {"argv": ["env", "sh", "-c", "echo {{x}}"]}, {"argv": ["python3", "-c", "print('{{x}}')"]}, {"argv": ["sh"], "stdin": "{{x}}"},
    {"argv": ["sh", "-s", "a"], "stdin": "{{x}}"}, {"argv": ["env", "-S", "{{x}}"]}, {"argv": ["{{x}}"]}, {"argv": ["{{x}}", "f"]}, {"argv": ["sh", "{{x}}"]}, {"argv": ["nice", "{{x}}"]}, {"argv": ["awk", "{{x}}", "f"]},
    {"argv": ["sed", "-e", "s/l/{{x}}/", "f"]}, {"argv": ["make", "V={{x}}", "all"]}, {"argv": ["git", "-c", "{{x}}", "status"]}, {"argv": ["find", ".", "-exec", "sh", "-c", "{{x}}", ";"]}, {"argv": ["xargs", "sh", "-c"], "stdin": "{{x}}"},
    {"argv": ["xargs", "-I%", "sh", "-c", "%"], "stdin": "{{x}}"}, {"argv": ["python3"], "stdin": "{{x}}"}, {"argv": ["python3", "-"], "stdin": ["{{x}}"]}, {"argv": ["perl"], "stdin": "{{x}}"}, {"argv": ["ed", "-s", "f"], "stdin": "{{x}}"},
    {"command": "sh", "stdin": "{{x}}"}, {"command": "cat | sh", "stdin": "{{x}}"}, {"command": "read -r v; eval \"$v\"", "stdin": "{{x}}"}, {"command": "while read -r l; do $l; done", "stdin": "{{x}}"}, {"command": "v=$(cat); sh -c \"$v\"", "stdin": "{{x}}"},
    {"command": ". /dev/stdin", "stdin": "{{x}}"}, {"command": "sh -c sh", "stdin": "{{x}}"}, {"command": "xargs -I% sh -c %", "stdin": "{{x}}"}, {"command": "cat > g; sh g", "stdin": "{{x}}"}, {"command": "{ sh; }", "stdin": "{{x}}"},
    {"command": "eval \"$V\"", "env": {"V": "{{x}}"}}, {"command": "sh -c \"$V\"", "env": {"V": "{{x}}"}}, {"command": "$V", "env": {"V": "{{x}}"}}, {"command": "echo $((V))", "env": {"V": "{{x}}"}}, {"command": "sh -c 'eval \"$V\"'", "env": {"V": "{{x}}"}},
    {"command": "make all", "env": {"V": "{{x}}"}}, {"command": "bash -c :", "env": {"BASH_ENV": "{{x}}"}}, {"command": "perl -e 1", "env": {"PERL5OPT": "{{x}}"}}, {"command": "node -e 1", "env": {"NODE_OPTIONS": "{{x}}"}}, {"command": "ls", "env": {"PATH": "{{x}}"}},
    {"command": "sh -xc :", "env": {"PS4": "{{x}}"}}, {"command": "git -p log", "env": {"GIT_PAGER": "{{x}}"}}, {"argv": ["git", "ls-remote", "ssh://localhost/x"], "env": {"GIT_SSH_COMMAND": "{{x}}"}}, {"argv": ["make", "all"], "env": {"V": "{{x}}"}},
    {"argv": ["sh", "-c", "eval \"$V\""], "env": {"V": "{{x}}"}}, {"argv": ["sh", "-c", "\"$1\"", "_", "{{x}}"]}, {"argv": ["python3", "-c", "import os,sys;os.system(sys.argv[1])", "{{x}}"]}, {"argv": ["busybox", "sh", "-c", "{{x}}"]}, {"argv": ["ssh", "localhost", "{{x}}"]},
)  # fmt: skip
