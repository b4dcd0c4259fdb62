"""Positions in what shells evaluate themselves, and in variables that programs obey, one a line."""

from __future__ import annotations

from typing import Final

SHELLS: Final = tuple(
    r"""
bash -c 'x=$1; echo "$((x))"' _ {{x}}
bash -c 'test -v "x[$1]"' _ {{x}}
bash -c '[ -v x["$1"] ]' _ {{x}}
bash -c '[[ -v x[$1] ]]' _ {{x}}
bash -c 'printf -v "x[$1]" a' _ {{x}}
bash -c 'read "x[$1]" <<< a' _ {{x}}
bash -c 'unset "x[$1]"' _ {{x}}
bash -c 'export "$1=a"' _ {{x}}
bash -c 'declare "x[$1]=a"' _ {{x}}
bash -c 'declare -A x; x[$1]=a; echo ${x[@]}' _ {{x}}
bash -c 'x=([$1]=a)' _ {{x}}
bash -c '[[ $1 -eq 0 ]]' _ {{x}}
bash -c '(( x = $1 ))' _ {{x}}
bash -c 'for (( i = $1; i < 1; i++ )); do :; done' _ {{x}}
bash -c 'echo "${@:$1}"' _ {{x}}
bash -c 'wait $1' _ {{x}}
bash -c 'exec {fd}<"$1"' _ {{x}}
bash -c 'coproc "$1"' _ {{x}}
bash -c 'declare -p "$1"' _ {{x}}
bash -c 'local_() { local "$1"; }; local_ "$1"' _ {{x}}
bash -c 'typeset -n r=$1; r=1' _ {{x}}
bash -c 'f() { local -n r=$1; echo "$r"; }; f "$1"' _ {{x}}
bash -c 'echo "${!1}"' _ {{x}}
bash -c 'v=$1; echo "${!v}"' _ {{x}}
bash -c 'v=$1; eval "w=${v@Q}"' _ {{x}}
bash -c 'v=$1; echo "${v^^}" | sh' _ {{x}}
bash -c 'enable -f "$1" x' _ {{x}}
bash -c 'complete -C "$1" ls' _ {{x}}
bash -c 'compgen -W "$1"' _ {{x}}
bash -c 'bind -x "$1"' _ {{x}}
bash -c 'trap -- "$1" DEBUG; :' _ {{x}}
bash -c 'trap "$1" ERR; false' _ {{x}}
bash -c 'PROMPT_COMMAND=$1' _ {{x}}
bash -c 'PS4=$1; set -x; :' _ {{x}}
bash -c 'BASH_ENV=$1 bash -c :' _ {{x}}
bash -c 'export PATH=$1; ls' _ {{x}}
bash -c 'IFS=$1; eval echo a' _ {{x}}
bash -c 'HISTCMD=$1' _ {{x}}
bash -c 'RANDOM=$1' _ {{x}}
bash -c 'LINENO=$1' _ {{x}}
bash -c 'OPTIND=$1' _ {{x}}
bash -c 'SECONDS=$1' _ {{x}}
bash -c 'DIRSTACK[0]=$1' _ {{x}}
bash -c 'BASH_CMDS[a]=$1; a' _ {{x}}
bash -c 'BASH_ALIASES[a]=$1; a' _ {{x}}
BASH_CMDS[ls]={{x}}; ls
BASH_ALIASES[ls]={{x}}; ls
hash -p"{{x}}" ls
alias ls={{x}}
alias -- ls={{x}}
alias "ls=echo {{x}}"
v={{x}}; w=v; echo $((w))
v={{x}}; w=v; echo ${!w}
v={{x}}; declare -n w=v; eval "$w"
v={{x}}; a=(1 2); echo ${a[v]}
v={{x}}; echo ${a[$v]:-b}
v={{x}}; echo $(( a[v] ))
v={{x}}; (( a[$v]++ ))
v={{x}}; let "a=$v"
v={{x}}; let a=v
v={{x}}; a[v]=1
v={{x}}; printf %q "$v" | sh
v={{x}}; for ((i=0;i<v;i++)); do :; done
v={{x}}; while ((v)); do break; done
v={{x}}; [[ v -eq 0 ]]
v={{x}}; [[ $v -lt 3 || -z $v ]]
v={{x}}; [ -v "$v" ]
v={{x}}; [ $v = a ]
v={{x}}; [ -n $v ]
v={{x}}; [ ! $v ]
v={{x}}; echo $[v]
v={{x}}; echo $[ $v + 1 ]
v={{x}}; echo ${PWD:v}
v={{x}}; echo ${PWD:$v:1}
v={{x}}; echo ${PWD:(v)}
v={{x}}; printf '%s\n' "${v@A}" | bash
v={{x}}; IFS=$v read a b <<< c
v={{x}}; read -r "$v" <<< c
v={{x}}; read -t $v a < f
v={{x}}; read -u $v a
v={{x}}; getopts ab "$v"
v={{x}}; unset -f "$v"
v={{x}}; export "$v"
v={{x}}; export "$v=1"
v={{x}}; readonly $v
v={{x}}; declare -x "$v"
v={{x}}; declare -i n; n+=$v
v={{x}}; declare -ai n; n[0]=$v
v={{x}}; integer n=$v
v={{x}}; mapfile -t "$v" < f
v={{x}}; mapfile -n $v a < f
v={{x}}; mapfile -C "$v" -c1 a < f
v={{x}}; wait -p "$v" -n
v={{x}}; exec "$v"
v={{x}}; command "$v"
v={{x}}; builtin "$v" a
v={{x}}; builtin eval "$v"
v={{x}}; . "$v"
v={{x}}; . ./"$v"
v={{x}}; source /dev/fd/3 3<<< "$v"
v={{x}}; trap 'eval $v' EXIT
v={{x}}; trap - "$v"
v={{x}}; set -- "$v"; "$1"
v={{x}}; set -- "$v"; eval "$1"
v={{x}}; set -- $v; shift; "$@"
v={{x}}; sh -c "echo '$v'"
export v={{x}}; sh -c 'eval "echo $v"'
export v={{x}}; env sh -c '$v'
export v={{x}}; sudo -E sh -c 'eval $v'
export v={{x}}; ssh -o SendEnv=v h 'eval $v'
export v={{x}}; xargs sh -c '$v' < f
export v={{x}}; find . -exec sh -c 'eval "$v"' \;
export v={{x}}; make V='$(v)'
export v={{x}}; perl -e 'eval $ENV{v}'
export v={{x}}; ruby -e 'eval ENV["v"]'
export v={{x}}; php -r 'eval(getenv("v"));'
export v={{x}}; node -e 'eval(process.env.v)'
export v={{x}}; lua -e 'load(os.getenv("v"))()'
export v={{x}}; Rscript -e 'eval(parse(text=Sys.getenv("v")))'
export v={{x}}; awk 'BEGIN { system(ENVIRON["v"]) }'
export v={{x}}; envsubst < f | sh
export v={{x}}; envsubst < f > g; sh g
set -a; v={{x}}; sh -c 'eval $v'
f() { eval "$*"; }; f echo {{x}}
f() { "$@"; }; f echo {{x}}
f() { local x=$1; shift; $x "$@"; }; f {{x}} a
f() { cat > g; }; echo {{x}} | f; sh g
f() { echo "$1" > g; }; f {{x}}; . ./g
f() { printf '%s' "$1"; }; eval "$(f {{x}})"
f() { printf '%s' "$1"; }; sh -c "$(f {{x}})"
f() { printf '%s' "$1"; }; f {{x}} | sh
f() { sh; }; echo {{x}} | f
f() { sh; }; f <<< {{x}}
f() ( sh ) ; f < <(echo {{x}})
f() { while read -r l; do $l; done; }; echo {{x}} | f
g={{x}}; f() { $g; }; f
function f { eval "$1"; }; f {{x}}
ls() { eval "$1"; }; ls {{x}}
echo() { sh -c "$1"; }; echo {{x}}
cat() { sh; }; cat <<< {{x}}
command_not_found_handle() { sh -c "$1"; }; {{x}}
a={{x}} b=$a; $b
a=({{x}}); ${a[0]}
a=({{x}}); "${a[@]}"
a=(sh -c {{x}}); "${a[@]}"
a=(sh -c); "${a[@]}" {{x}}
c="sh -c"; $c {{x}}
c=(env -S); "${c[@]}" {{x}}
set -- sh -c; "$@" {{x}}
set -- sh -c {{x}}; "$@"
set -- -c; sh "$@" {{x}}
o="-c"; bash $o {{x}}
s=$(which sh); "$s" -c {{x}}
s=/bin/sh; $s -c {{x}}
read -r s <<< sh; $s -c {{x}}
for s in sh; do $s -c {{x}}; done
for s in sh bash; do command $s -c {{x}}; done
case sh in s*) eval {{x}};; esac
if [ -x /bin/sh ]; then exec sh -c {{x}}; fi
while read -r a; do sh -c {{x}}; done < f
{ sh -c {{x}}; } 2>&1 | tee g
( exec sh -c {{x}} )
coproc sh -c {{x}}
sh -c {{x}} &
sh -c {{x}} > /dev/null 2>&1
2>&1 sh -c {{x}}
>g sh -c {{x}}
<f sh -c {{x}}
A=1 B=2 sh -c {{x}}
"sh" "-c" {{x}}
s'h' -c {{x}}
\sh -c {{x}}
/usr/bin/../bin/sh -c {{x}}
../bin/sh -c {{x}}
sh5 -c {{x}}
bash5.2 -c {{x}}
sh.exe -c {{x}}
busybox.static sh -c {{x}}
toybox env -S {{x}}
busybox env -S {{x}}
systemd-run --wait sh -c {{x}}
env -u A -i sh -c {{x}}
env -iu A sh -c {{x}}
env --chdir=/ sh -c {{x}}
env -S 'sh -c' {{x}}
env -vS 'A=b sh -c' {{x}}
env -S "A={{x}} sh -c :"
env -S "sh -c '{{x}}'"
env - sh -c {{x}}
env -- A=b sh -c {{x}}
env A={{x}} B=c sh -c 'eval $A'
env ENV={{x}} sh -i
env IFS={{x}} sh -c 'echo a'
env PS4={{x}} bash -xc :
env EDITOR={{x}} git commit
env PYTHONINSPECT={{x}} python3 -c 1
env PYTHONWARNINGS={{x}} python3 -c 1
env RUBYLIB={{x}} ruby f
env GEM_PATH={{x}} ruby f
env GIT_CONFIG_PARAMETERS={{x}} git status
env GIT_CONFIG_GLOBAL={{x}} git status
env GIT_PROXY_COMMAND={{x}} git fetch
env GIT_SEQUENCE_EDITOR={{x}} git rebase -i
env DOCKER_CONFIG={{x}} docker ps
env KUBECONFIG={{x}} kubectl get pods
env AWS_CONFIG_FILE={{x}} aws s3 ls
env PIP_INDEX_URL={{x}} pip install a
env PIP_CONFIG_FILE={{x}} pip install a
env UV_INDEX_URL={{x}} uv pip install a
env npm_config_registry={{x}} npm install
env NPM_CONFIG_USERCONFIG={{x}} npm install
env CARGO_HOME={{x}} cargo build
env RUSTFLAGS={{x}} cargo build
env RUSTC_WORKSPACE_WRAPPER={{x}} cargo build
env CARGO_BUILD_RUSTC={{x}} cargo build
env GOFLAGS={{x}} go build
env GOPROXY={{x}} go build
env CC={{x}} go build
env CGO_CFLAGS={{x}} go build
env CFLAGS={{x}} ./configure
env LDFLAGS={{x}} ./configure
env CC={{x}} ./configure
env MAKEFILES={{x}} ./run.sh
env GCC_EXEC_PREFIX={{x}} gcc f.c
env COMPILER_PATH={{x}} gcc f.c
env MAVEN_OPTS={{x}} mvn test
env MAVEN_ARGS={{x}} mvn test
env JAVA_HOME={{x}} mvn test
env JDK_JAVA_OPTIONS={{x}} java A
env SBT_OPTS={{x}} sbt test
env ANT_OPTS={{x}} ant
env ANT_ARGS={{x}} ant
env GRADLE_USER_HOME={{x}} gradle a
env LUA_INIT={{x}} lua f
env LUA_INIT_5_4={{x}} lua f
env MANOPT={{x}} man ls
env GROFF_COMMAND_PREFIX={{x}} man ls
env LESSKEY={{x}} less f
env LESSKEYIN={{x}} less f
env VIMRUNTIME={{x}} vim f
env NVIM_APPNAME={{x}} nvim f
env EMACSLOADPATH={{x}} emacs f
env ALTERNATE_EDITOR={{x}} emacsclient f
env SSH_ASKPASS={{x}} ssh h
env SUDO_EDITOR={{x}} sudoedit f
env RSYNC_CONNECT_PROG={{x}} rsync a rsync://b
env BORG_RSH={{x}} borg list
env BORG_PASSCOMMAND={{x}} borg list
env RESTIC_PASSWORD_COMMAND={{x}} restic snapshots
env ANSIBLE_CONFIG={{x}} ansible-playbook p.yml
env ANSIBLE_LIBRARY={{x}} ansible-playbook p.yml
env ANSIBLE_VAULT_PASSWORD_FILE={{x}} ansible-playbook p.yml
env TF_CLI_ARGS={{x}} terraform apply
env TF_CLI_CONFIG_FILE={{x}} terraform apply
env PSQLRC={{x}} psql -c 1
env PSQL_EDITOR={{x}} psql
env CURL_HOME={{x}} curl u
env WGETRC={{x}} wget u
env GTK_MODULES={{x}} gedit f
env QT_PLUGIN_PATH={{x}} app
env GST_PLUGIN_PATH={{x}} app
env MAGICK_CONFIGURE_PATH={{x}} convert a b
env MAGICK_CODER_MODULE_PATH={{x}} convert a b
env PKG_CONFIG_PATH={{x}} make
env CMAKE_PREFIX_PATH={{x}} cmake .
env CMAKE_TOOLCHAIN_FILE={{x}} cmake .
env CMAKE_C_COMPILER_LAUNCHER={{x}} cmake .
env CCACHE_PREFIX={{x}} ccache gcc f.c
env BAT_PAGER={{x}} bat f
env BATPIPE={{x}} bat f
env DELTA_PAGER={{x}} delta
env FZF_DEFAULT_COMMAND={{x}} fzf
env RIPGREP_CONFIG_PATH={{x}} rg a
env DIRENV_CONFIG={{x}} direnv exec . ls
env PYTHONUSERBASE={{x}} python3 f
env PYTHONEXECUTABLE={{x}} python3 f
env PYTEST_ADDOPTS={{x}} pytest
env PYTEST_PLUGINS={{x}} pytest
env DJANGO_SETTINGS_MODULE={{x}} python3 manage.py
env FLASK_APP={{x}} flask run
env NODE_PATH={{x}} node f
env NODE_REPL_EXTERNAL_MODULE={{x}} node
env ELECTRON_RUN_AS_NODE={{x}} electron f
env DENO_DIR={{x}} deno run f
env BUN_INSTALL={{x}} bun run f
env PHP_INI_SCAN_DIR={{x}} php f
env COMPOSER_HOME={{x}} composer install
env BUNDLE_GEMFILE={{x}} bundle install
env RAKEOPT={{x}} rake
env RUBYSHELL={{x}} ruby f
env ERL_LIBS={{x}} erl
env MIX_EXS={{x}} mix test
env R_PROFILE_USER={{x}} Rscript f
env R_HOME={{x}} Rscript f
env JULIA_LOAD_PATH={{x}} julia f
env OCTAVE_PATH={{x}} octave f
env GUILE_LOAD_PATH={{x}} guile f
env CLASSPATH={{x}} java A
env SHELL={{x}} vim f
env SHELL={{x}} tmux new -d
env COMSPEC={{x}} cmd
env TCL_LIBRARY={{x}} tclsh f
env OPENSSL_CONF={{x}} openssl version
env LD_AUDIT={{x}} ls
env DYLD_INSERT_LIBRARIES={{x}} ls
env _JAVA_OPTIONS={{x}} java A
env BASH_FUNC_ls%%={{x}} bash -c ls
env "BASH_FUNC_ls%%=() { {{x}}; }" bash -c ls
env SHELLOPTS={{x}} bash -c :
env MAILPATH={{x}} bash -i
env FCEDIT={{x}} bash -i
env ZDOTDIR={{x}} zsh -i
env FPATH={{x}} zsh -c a
""".strip().splitlines()
)
