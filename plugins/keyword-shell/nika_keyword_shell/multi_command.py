"""Grammars of tools whose first operand is a subcommand: `TOOL/SUBCOMMAND`. `programs` describes them.

A tool's own line has the options that may stand before the subcommand, which are those of each subcommand as well. Its
operands `if an option gives the code` are those behind a subcommand that has no line.
"""

from __future__ import annotations

from typing import Final

CONTAINERS: Final = """
docker podman nerdctl | program | | -H,--host,-c,--context,--config,-l,--log-level,--connection,--url,--root:data
    --namespace,--address,--tlscacert,--tlscert,--tlskey:data | commands quiet
docker,podman,nerdctl/container | program | | | commands quiet
docker,podman,nerdctl/run,create,container/run,container/create | package program | | --entrypoint:entry
    --health-cmd:shell -a,--attach,--add-host,--annotation,--blkio-weight,-c,--cpu-shares,--cap-add,--cap-drop:data
    --cgroup-parent,--cgroupns,--cidfile,--cpu-period,--cpu-quota,--cpus,--cpuset-cpus,--cpuset-mems,--device:data
    --detach-keys,--dns,--dns-option,--dns-search,--domainname,-e,--env,--env-file,--expose,--gpus,--group-add:data
    --health-interval,--health-retries,--health-timeout,-h,--hostname,--ip,--ip6,--ipc,--isolation,-l,--label:data
    --label-file,--link,--log-driver,--log-opt,--mac-address,-m,--memory,--memory-swap,--memory-reservation:data
    --mount,--name,--net,--network,--network-alias,--oom-score-adj,--pid,--pids-limit,--platform,-p,--publish:data
    --pull,--restart,--runtime,--security-opt,--shm-size,--stop-signal,--stop-timeout,--storage-opt,--sysctl:data
    --tmpfs,--ulimit,-u,--user,--userns,--uts,-v,--volume,--volume-driver,--volumes-from,-w,--workdir:data
    --arch,--os,--pod,--pod-id-file,--requires,--secret,--systemd,--tz,--umask,--uidmap,--gidmap:data | quiet
docker,podman,nerdctl/exec,container/exec | data program | | -u,--user,-e,--env,--env-file,-w,--workdir:data
    --detach-keys:data | quiet
docker,podman,nerdctl/build,image/build,buildx/build | package | | -t,--tag,-f,--file,--build-arg,--target:data
    --platform,--label,--cache-from,--cache-to,-o,--output,--secret,--ssh,--network,--progress,--builder:data
    --iidfile,--metadata-file,--add-host,--build-context,--shm-size,--ulimit:data | quiet permutes
docker,podman,nerdctl/buildx,image | program | | | commands quiet
docker,podman,nerdctl/compose | program | | -f,--file:file -p,--project-name,--profile,--env-file,--ansi:data
    --project-directory,--parallel,--progress:data | commands quiet
docker-compose podman-compose | program | | -f,--file:file -p,--project-name,--profile,--env-file,--ansi:data
    --project-directory,-H,--host,-c,--context,--parallel,--progress:data | commands quiet
docker,podman,nerdctl/compose/run | module program | | --entrypoint:entry -e,--env,--env-from-file,--name:data
    -p,--publish,-u,--user,-v,--volume,-w,--workdir,-l,--label,--cap-add,--cap-drop,--pull:data | quiet
docker,podman,nerdctl/compose/exec | data program | | -e,--env,-u,--user,-w,--workdir,--index:data | quiet
docker-compose,podman-compose/run | module program | | --entrypoint:entry -e,--env,--name,-p,--publish,-u,--user:data
    -v,--volume,-w,--workdir,-l,--label:data | quiet
docker-compose,podman-compose/exec | data program | | -e,--env,-u,--user,-w,--workdir,--index:data | quiet
kubectl oc k3s-kubectl microk8s.kubectl | program | | -n,--namespace,--context,--cluster,--kubeconfig,-s,--server:data
    --user,--token,--as,--as-group,--request-timeout,--certificate-authority,--client-key,--cache-dir:data |
    commands quiet
kubectl,oc/exec,rsh | data program | | -c,--container,-f,--filename,--pod-running-timeout:data | quiet permutes
kubectl,oc/debug,run | data program | | --image:package -c,--container,--env,-l,--labels,--overrides,--port:data
    --restart,--target,--copy-to,--profile,--custom,--share-processes,--image-pull-policy,--annotations:data |
    quiet permutes
crictl,runc,crun,youki,buildah,multipass,limactl,lxc,incus,nomad | program | | -n,--namespace,-r,--root:data
    --runtime-endpoint,--project:data | commands quiet
crictl,runc,crun,youki/exec | data program | | -e,--env,-u,--user,--cwd,-p,--process,-t,--timeout:data | quiet permutes
buildah/run | data program | | -v,--volume,--user,--workingdir,-e,--env,--network,--mount,--runtime:data | quiet
    permutes
multipass,lxc,incus/exec | data program | | --cwd,--env,--user,--group,-d,--working-directory,--project:data |
    quiet permutes
limactl/shell | data program | | --workdir,--shell:data | quiet permutes
nomad/exec,alloc/exec | data program | | -task,-e,-job:data | quiet words
nomad/alloc | program | | | commands quiet
ctr | program | | -a,--address,-n,--namespace:data | commands quiet
ctr/run | package data program | | --env,--mount,--runtime,--label,--user,--cwd:data | quiet
ctr/task,tasks,t,containers,c | program | | | commands quiet
ctr/task/exec,tasks/exec,t/exec | data program | | --exec-id,--cwd,--user:data | quiet
ctr/containers/create,c/create | package data program | | | quiet
singularity apptainer | program | | -c,--config:data | commands quiet
singularity,apptainer/exec | package program | | -B,--bind,--env,-H,--home,-W,--workdir,--pwd,--cwd,--overlay:data |
    quiet
singularity,apptainer/run,shell,pull,instance | package data* | | -B,--bind,--env,-H,--home,--pwd:data | quiet
lxc-attach lxc-execute enroot-start | program | | -n,--name,-P,--lxcpath,-f,--rcfile,-e,-s,-v,--set-var,-u:data | quiet
enroot,colima,orb,orbctl,distrobox,toolbox,flatpak,snap | program | | -p,--profile,-m,-w:data | commands quiet
enroot/start distrobox/enter | data program | | -e,--env,-m,--mount,-n,--name,-a:data --=program | quiet permutes
colima/ssh orb,orbctl,toolbox/run | program | | -c,--container,-u,-m,-w:data | quiet
flatpak/run | package program | | --command:entry --branch,--arch,--filesystem,--env,--share:data | quiet
flatpak,snap/install | package* | | | quiet permutes
snap/run | package data* | | --shell,--command:data | quiet
flatpak-spawn | program | | --env,--directory:data | quiet
"""
PACKAGES: Final = """
npm | program | | --script-shell:program --node-options,--node-option:code --prefix,-w,--workspace,--userconfig:data
    --cache,--loglevel,--tag,--otp:data --registry:package | commands quiet
npm/run,run-script,rum,urn | module data* | module data* | -c,--call:shell | quiet permutes
npm/exec,x | program | | -c,--call:shell -p,--package:package | quiet
npm/explore | data program | | | quiet
npm/install,i,in,add,install-test,it,update,up,link | package* | | | quiet permutes
npm/init,create,innit | package data* | | | quiet permutes
pnpm | program | | --script-shell:program --node-options:code -C,--dir,--prefix,-F,--filter,--reporter:data
    --registry:package | commands quiet
pnpm/run,run-script | module data* | module data* | | quiet permutes
pnpm/exec,dlx | program | | --package:package -c=coded | quiet
pnpm/add,install,i,update,up,link | package* | | | quiet permutes
pnpm/create | package data* | | | quiet
yarn yarnpkg | program | | --script-shell:program --cwd,--modules-folder,--cache-folder:data --registry:package |
    commands quiet
yarn/run | module data* | module data* | | quiet permutes
yarn/exec | shell data* | | | quiet
yarn/dlx | program | | -p,--package:package | quiet
yarn/add,upgrade,up,link,global/add | package* | | | quiet permutes
yarn/global | program | | | commands quiet
yarn/create | package data* | | | quiet
bun | program | file data* | -e,--eval,-p,--print:code -r,--preload,--require,--import:module --cwd:data -c?:file
    --config?:file --shell:data | stdin commands quiet
bun/run,test | file data* | | | quiet
bun/x,create | program | | -p,--package:package | quiet
bun/add,install,i,a,update | package* | | --registry:package | quiet permutes
bun/exec | shell data* | | | quiet
npx bunx pnpx | program | | -p,--package:package -c,--call:shell -w:data |
deno | program | file data* | -c,--config,--import-map:file -L,--log-level:data --preload:module | stdin commands
deno/eval | code* | | --ext:data | permutes
deno/repl | data* | | --eval:code --eval-file:file | always-stdin permutes
deno/run,test,bench,serve,compile | file data* | | --preload,--require:module --ext,--env-file,--location,--seed:data |
deno/task,x,install,i,add | package data* | | --cwd,-f,--filter:data --eval:shell | quiet permutes
pip | program | | --python,--proxy,--cache-dir,--log,--cert,--timeout,--retries:data | commands quiet
pip,uv/install,wheel,download,pip/install,pip/sync,pip/compile | package* | | -r,--requirement,-e,--editable:package
    -i,--index-url,--extra-index-url,-f,--find-links,--index,--default-index,--with-requirements:package
    -c,--constraint,--constraints,-o,--output-file,-t,--target,-d,--dest,--prefix,--root,--src,--platform:data
    --python-version,--python,-p,--abi,--implementation,--only-binary,--no-binary,--progress-bar,--report:data
    -w,--wheel-dir,--config-settings,-C,--global-option,--extra,--group,--upgrade-strategy,-P:data | quiet permutes
uv | program | | --directory,--project,--config-file,--cache-dir,--color,--allow-insecure-host:data | commands quiet
uv/pip,tool | program | | | commands quiet
uv/run | program | | --with,--with-editable,--with-requirements,--index,--index-url,--default-index:package
    --extra-index-url,-f,--find-links:package -m,--module:module -p,--python,--extra,--group,--no-group:data
    --only-group,--env-file,--package,--refresh-package,--upgrade-package,-P,-C,--config-setting:data | quiet
uv/tool/run | program | | --from,--with,--with-editable,--with-requirements,--index,--index-url,--default-index:package
    -p,--python:data | quiet
uvx | program | | --from,--with,--with-editable,--with-requirements,--index,--index-url,--default-index:package
    -p,--python:data | quiet
uv/add,tool/install,tool/upgrade | package* | | -r,--requirements,--index,--index-url,--default-index,--with:package
    -p,--python,--extra,--group,--optional,-c,--constraints,--branch,--tag,--rev:data | quiet permutes
pipx | program | | | commands quiet
pipx/run | program | | --spec,--index-url,-i,--with,--pip-args:package --python:data | quiet
pipx/install,inject,upgrade,reinstall | package* | | --spec,--index-url,-i,--pip-args:package --python,--suffix:data |
    quiet permutes
poetry pipenv pdm hatch rye pixi bundle bundler | program | | -C,-P,--directory,--project,-e,--env,-p,--gemfile:data |
    commands quiet
poetry,pipenv,pdm,hatch,rye,pixi/run | program | | -e,--environment:data | quiet
bundle,bundler/exec | program | | --gemfile:data | quiet
poetry,pipenv,pdm,rye,pixi/add,install | package* | | --source,-i,--index:package -G,--group,-E,--extras:data |
    quiet permutes
bundle,bundler/add | package* | | -s,--source,--git,--path:package -v,--version,-g,--group:data | quiet permutes
gem | program | | --config-file:data | commands quiet
gem/install,i,update | package* | | -s,--source:package -v,--version,-i,--install-dir,-n,--bindir,-P:data |
    quiet permutes
gem/exec,x | program | | -g,--gem:package -v,--version:data | quiet
cargo | program | | --config:setting -C,-Z,--color:data | commands quiet
cargo/install,add | package* | | --git,--path,--registry,--index:package --version,--vers,--root,-F,--features:data
    --branch,--tag,--rev,--profile,--target,--target-dir,--bin,--example,-j,--jobs,-p,--package,--rename:data |
    quiet permutes versions
cargo/run,r | data* | | --bin,--example:module -p,--package,--profile,--target,--features,-F,--manifest-path:data |
    quiet
cargo/script | file data* | | | quiet
go | program | | -C:data | commands quiet words
go/run,generate | package data* | package data* | -exec,-toolexec:shell
    -o,-tags,-ldflags,-gcflags,-mod,-modfile,-overlay,-run:data |
    words quiet versions
go/install,get | package* | | -toolexec:shell -o,-tags,-ldflags,-gcflags,-mod,-modfile:data | words quiet versions
go/test,build,vet | data* | | -exec,-toolexec:shell -vettool:program -o,-run,-bench,-tags,-ldflags,-gcflags,-mod:data
    -count,-timeout,-coverprofile:data | words permutes quiet
go/tool | program | | | quiet words
brew apt apt-get dnf microdnf yum apk zypper port choco winget scoop emerge opkg nala | program | |
    -o,--option:setting -c,--config-file:file -t,--target-release:data | commands quiet
brew,apt,apt-get,dnf,microdnf,yum,apk,zypper,port,choco,winget,scoop,opkg,nala/install,add,reinstall | package* | |
    --repository,-X:package | quiet permutes versions
composer | program | data* | -d,--working-dir:data | commands quiet
composer/require,global/require,create-project | package* | | --repository,--repository-url:package | quiet permutes
composer/global | program | | | commands quiet
composer/exec,run-script,run | module data* | | | quiet permutes
conda mamba micromamba | program | | --name,-n,-p,--prefix:data | commands quiet
conda,mamba,micromamba/run | program | | --cwd:data | quiet
conda,mamba,micromamba/install,create,update | package* | | -c,--channel,--file,-f:package | quiet permutes
luarocks,cpan,cpanm,opam,helm,raco,nimble | program | | | commands quiet
luarocks,nimble/install | package* | | --server:package | quiet permutes
helm/install,upgrade,template | data* | | --post-renderer:program | quiet permutes
opam/exec | program | | --switch:data | quiet permutes
cookiecutter | package data* | | -c,--checkout,-o,--output-dir,--directory:data | quiet permutes
copier/copy,update | package data* | | -r,--vcs-ref:data | quiet permutes
copier | program | | | commands quiet
"""
CLOUDS_AND_RUNNERS: Final = """
op doppler infisical teller dotenvx railway fnox | program | | -p,--project,-c,--config,-e,--env,--account:data |
    commands quiet
op,doppler,infisical,teller,dotenvx,railway,fnox/run,exec | program | | --command:shell --env-file,-f,--path,-s:data |
    quiet permutes
chamber aws-vault aws-okta saml2aws granted | program | |
    --backend,-a,-p,--profile,--prompt:data |
    commands quiet
chamber,aws-vault,aws-okta,saml2aws,granted/exec | data program | | -d,--duration,--mfa-token,-t,--region:data
    --=program |
    quiet permutes
sops | program | | --config,-k,--kms,-p,--pgp,-a,--age:data | commands quiet
sops/exec-env,exec-file | data shell | | --user,--filename:data | quiet permutes
mise asdf rbenv pyenv nvm volta fnm direnv jenv goenv nodenv | program | data* | -C,--cd,-E,--env:data | commands quiet
mise/exec,x | package* | | -c,--command:shell --=program | quiet permutes
mise/run,r | module data* | | | quiet
asdf,rbenv,pyenv,volta,fnm,jenv,goenv,nodenv/exec,run | program | | --using,--node,--npm,--yarn:data | quiet permutes
nvm/exec | data program | | | quiet
nvm/run | data file data* | | | quiet
direnv/exec | data program | | | quiet
dotenv | program | | -f,--file,-e,-c,-p,-v:data | commands quiet
dotenv/run | program | | | quiet
gcloud | program | | --project,--account,--configuration,--zone:data | commands quiet
gcloud/compute,alpha,beta,app,instances,cloud-shell | program | | | commands quiet
gcloud/compute/ssh,cloud-shell/ssh | data joined* | | --command:shell --zone,--ssh-key-file,--container:data |
    runs-shells quiet permutes
az | program | | | commands quiet
az/vm,run-command,vm/run-command | program | | | commands quiet
az/vm/run-command/invoke,vm/run-command/create | data* | | --scripts,--script:shell --command-id,-g,-n,--name:data |
    quiet permutes
aws | program | | --profile,--region,--endpoint-url,--output,--query:data | commands quiet
aws/ssm,ecs | program | | | commands quiet
aws/ssm/send-command,ssm/start-session | data* | | --parameters:shell --instance-ids,--targets,--document-name:data |
    quiet permutes
aws/ecs/execute-command | data* | | --command:shell --cluster,--task,--container:data | quiet permutes
heroku fly flyctl eb cf | program | | -a,--app,-r,--remote,-t:data | commands quiet
heroku/run,run:detached | shell* | | -a,--app,-s,--size,-e,--env,-r,--remote:data | quiet permutes
fly,flyctl/ssh,machine | program | | | commands quiet
fly,flyctl/ssh/console | data* | | -C,--command:shell -a,--app,-s:data | quiet permutes
fly,flyctl/machine/exec | data shell | | -a,--app:data | quiet permutes
eb,cf/ssh | data* | | -c,--command:shell | quiet permutes
vagrant | program | | | commands quiet
vagrant/ssh | data | joined* | -c,--command:shell --=shell | runs-shells quiet permutes
vagrant/plugin/install | package* | | | quiet permutes
vagrant/plugin | program | | | commands quiet
bazel bazelisk buck buck2 pants | program | | --output_base,--bazelrc:data | commands quiet
bazel,bazelisk,buck,buck2,pants/run | module data* | | --run_under:shell | quiet
bazel,bazelisk/build,test | data* | | --run_under:shell | quiet permutes
rails bin/rails | program | | | commands quiet
rails/runner,r | code data* | | -e:data |
rails/console,c | data* | | | always-stdin quiet
wp drush | program | | --exec:code --require:file --path,--ssh,--url,-r,--root,-l,--uri:data | commands quiet
wp/eval | code data* | | | permutes
wp/eval-file | file data* | | | permutes
wp/db drush/sql:query,sqlq | code* | | | permutes
drush/php-eval,ev,eval,php:eval | code data* | | | permutes
dotnet | program | file data* | --depsfile,--runtimeconfig,--fx-version:data --additional-deps:module | commands quiet
dotnet/run,watch,test,build,publish,msbuild | data* | | -p,--project,-c,-f,-r,-o:data | quiet
dotnet/exec,script,fsi | file data* | | --eval:code | quiet
dotnet/tool | program | | | commands quiet
dotnet/tool/install,tool/run,tool/exec | package data* | | --add-source,--source:package --version:data | quiet permutes
stack cabal mix rebar3 lein zig nim v | program | data* | | commands quiet
stack,cabal/exec | program | | --package,--cwd:data | quiet permutes
stack/runghc,runhaskell zig,v/run nim/r,e | file data* | | | quiet
stack,cabal/run | module data* | | | quiet
mix/run | file data* | | -e,--eval:code -r,--require:file | permutes
mix/eval | code data* | | | permutes
rebar3/shell | data* | | --eval:code --script,--config:file | always-stdin permutes
lein/exec | file data* | | -e,-ep:code -p:file | words
redis-cli valkey-cli | program | | --eval:file -h,-p,-a,-n,-u,-s,-r,-i:data | stdin commands quiet
redis-cli,valkey-cli/eval,EVAL,eval_ro,evalsha,script,SCRIPT,function,FUNCTION | code* | | |
perf | program | | -o,-e,-p,-F,-c,-C:data | commands quiet
perf/record,stat,trace,bench,mem,lock,sched,kmem | program | | -o,-e,-p,-F,-c,-C,-g,-t,-a,--call-graph:data | quiet
perf/script | module data* | | -s,--script:file -i,--input:data | quiet permutes
dlv rr gprofng zellij | program | | | commands quiet
dlv/exec rr/record zellij/run | program | | --output,-n,--name,-d,--cwd:data | quiet permutes
dlv/debug,test | package data* | | --init:file | quiet
gprofng/collect | program | | | commands quiet
gprofng/collect/app | program | | -o,-p,-d:data | quiet
zellij/action | program | | | commands quiet
zellij/action/write-chars | shell* | | | quiet
"""
