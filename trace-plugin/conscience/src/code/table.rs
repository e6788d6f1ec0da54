//! The well-known calls of the languages that come on a line, by name.

use std::{collections::HashMap, sync::LazyLock};

use super::Language;

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    /// Runs a text by a shell, or a list of words.
    Spawns,
    /// Runs its first argument with the list, or the words, that follow.
    SpawnsList,
    DeletesTree,
    DeletesFile,
    Writes,
    /// Opens a file: the second argument says how.
    Opens,
    Copies,
    Moves,
    Links,
    Reads,
    Lists,
    Fetches,
    Connects,
    /// Runs its first argument as code of the same language.
    Runs,
    Decodes,
    ChangesDirectory,
    Kills,
    /// `chmod(path, mode)`.
    ChangesMode,
    ChangesOwner,
    JoinsPath,
    Home,
    /// What it is given, as text or as a path.
    Same,
    /// Hands a statement to a database.
    Queries,
    /// Drops a database or what is in it.
    Drops,
    /// Destroys what a cloud holds.
    Destroys,
    Prints,
    PrintsLine,
    /// Becomes another user.
    Becomes,
    /// Sends text or a file by mail, or the like.
    Sends,
}

use Does::{
    Becomes, ChangesDirectory, ChangesMode, ChangesOwner, Connects, Copies, Decodes, DeletesFile,
    DeletesTree, Destroys, Drops, Fetches, Home, JoinsPath, Kills, Links, Lists, Moves, Opens,
    Prints, PrintsLine, Queries, Reads, Runs, Same, Sends, Spawns, SpawnsList, Writes,
};

/// Calls by name, blanks between. A name with a dot must be that whole end of the call's own; one without is the
/// last word of it.
const CALLS: &[(Does, &str)] = &[
    (
        Spawns,
        "system popen popen2 Popen check_call check_output subprocess.run subprocess.call getoutput \
        getstatusoutput execSync child_process.exec shell_exec passthru proc_open os.execute io.popen \
        create_subprocess_shell create_subprocess_exec Bun.spawn Bun.spawnSync callCommand readCreateProcess run-program \
        shell-command shell-command-to-string call-process-shell-command async-shell-command popen3 \
        capture2 capture3 capture2e pty.spawn os.popen commands.getoutput Kernel.exec Kernel.system \
        system2 execaCommand execaCommandSync exec_command ! !! os.cmd readpipe getRuntime.exec Process.spawn \
        PTY.spawn IO.popen Open3.popen3 shell.exec shelljs.exec zx.$ delegator.run run_command shell-out sh \
        process-lines start-process-shell-command wait_for_process executeShell Runtime.exec ProcessBuilder \
        Process.run Process.start Process.new Process.exec Shell.cmd script System.shell fabric.run \
        os.startfile startfile ShellExecute execCmd execShellCmd execCmdEx Cmd \
        sh.exec local.run invoke_shell spawnCommand",
    ),
    (
        SpawnsList,
        "child_process.spawn spawnSync execFile execFileSync child_process.fork execvp execv execvpe \
        execve execl execlp execle execlpe spawnl spawnlp spawnle spawnlpe spawnv spawnvp spawnve spawnvpe \
        posix_spawn posix_spawnp Deno.Command Deno.run System.cmd \
        spawn execa execaSync os.spawnvp pcntl_exec call-process start-process system* exec.Command \
        startProcess callProcess readProcess rawSystem spawn.sync",
    ),
    (
        DeletesTree,
        "rmtree rm_rf rm_r remove_tree remove_entry_secure remove_entry remove_dir rmSync fs.rm promises.rm rimraf \
        removeSync emptyDirSync emptyDir fs.remove fs-extra.remove Deno.remove Deno.removeSync rm_rf! \
        delete-directory delete-tree deleteDir delete_tree rimraf.sync rimrafSync deleteAsync deleteSync \
        shell.rm shelljs.rm FileUtils.deleteDirectory FileUtils.forceDelete remove_dir_all removedirs delete_dir \
        rmdirSync deltree os.RemoveAll RemoveAll deleteRecursively removeItem removeDirectoryRecursive \
        removePathForcibly delete-directory-recursively uiop.delete-directory-tree remove_all removeDir del.sync \
        FileSystem.remove os.del_dir_r os.rmdirall rmdir_all nuke del_dir_r unlink_recursive rm-rf delTree",
    ),
    (
        DeletesFile,
        "os.remove os.unlink unlink unlinkSync File.delete File.unlink file.remove os.rmdir rmdir \
        delete-file File.rm File.rm! remove_file FileUtils.rm FileUtils.rm_f rm_f send2trash trash removeFile \
        Files.delete Files.deleteIfExists os.Remove file.delete lfs.rmdir Dir.rmdir Dir.delete FileUtils.remove \
        FileUtils.rmdir FileUtils.remove_dir remove-file deleteFile deleteOnExit fs.unlink promises.unlink \
        rename-file-away move-file-to-trash removeDirectory File.delete! safe_unlink rm! files.delete",
    ),
    (
        Writes,
        "writeFile writeFileSync appendFile appendFileSync createWriteStream file_put_contents File.write \
        IO.write IO.binwrite File.binwrite write_text write_bytes truncate truncateSync ftruncate \
        writeTextFile writeTextFileSync Bun.write File.write! os.truncate writeLines write-region outputFile \
        outputFileSync File.truncate spurt write_file Files.write Files.writeString os.WriteFile WriteFile \
        Deno.writeFile Deno.writeFileSync Deno.create appendText writeText file.write outputJson writeJson \
        writeJsonSync sink cat_to file-put append-to-file write-file Deno.truncate Deno.openSync shutil.copyfileobj_to",
    ),
    (
        Opens,
        "open fopen openSync io.open File.open File.new os.open sysopen builtins.open codecs.open open64 \
        IO.open io.output gzip.open aiofiles.open File.open! fs.open SplFileObject",
    ),
    (
        Copies,
        "copyFile copyFileSync cpSync copyfile shutil.copy copy2 copytree FileUtils.cp FileUtils.cp_r fs.cp \
        copy_file File.copy copySync file.copy Files.copy FileUtils.copy FileUtils.install copyItem",
    ),
    (
        Moves,
        "os.rename rename renameSync os.replace shutil.move File.rename FileUtils.mv moveSync file.rename \
        os.renames mv moveItem Files.move rename-file FileUtils.move Deno.rename os.Rename File.rename! renameTo",
    ),
    (
        Links,
        "os.symlink symlink symlinkSync File.symlink FileUtils.ln_s FileUtils.ln_sf ln_sf os.link symlink_to",
    ),
    (
        Reads,
        "read_text read_bytes readFile readFileSync file_get_contents File.read IO.read File.readlines \
        IO.readlines createReadStream readTextFile readTextFileSync Bun.file readfile File.read! readLines \
        slurp readlines file read_file linecache.getlines File.foreach fs.createReadStream dotenv_values \
        Files.readString Files.readAllLines Files.readAllBytes os.ReadFile ReadFile File.binread IO.binread readline-file \
        insert-file-contents read-file fileread io.lines highlight_file show_source parse_ini_file readTextFile \
        File.stream! file.read fromFile readText scan readLines load_dotenv np.loadtxt read_csv Deno.readFile \
        File.readlines! IO.foreach file.readlines get_file_contents contentsOfFile",
    ),
    (
        Lists,
        "listdir walk glob iglob scandir rglob iterdir readdirSync readdir Dir.glob Dir.entries Dir.children \
        Dir.each_child opendir globSync list.files Find.find File.ls! Path.wildcard list_files directory-files \
        Deno.readDir Deno.readDirSync lfs.dir Pathname.children Dir.each fs.opendir expand-glob filepath.Glob \
        os.ReadDir DirectoryIterator RecursiveDirectoryIterator list.dirs fwalk",
    ),
    (
        Fetches,
        "urlopen urlretrieve requests.get requests.post requests.put requests.request requests.patch requests.head \
        requests.Session httpx.get httpx.post httpx.put httpx.request httpx.stream fetch axios axios.get axios.post axios.put \
        axios.request http.get https.get http.request https.request HTTP.get HTTP.post HTTP.get_response \
        HTTP.post_form HTTP.put URI.open open_uri LWP.Simple.get getstore getprint curl_init got got.post got.stream sendBeacon \
        download.file HTTPoison.get HTTPoison.post HTTPoison.get! Req.get! Req.post! httpc.request urllib2.urlopen aiohttp.request \
        HTTPSConnection HTTPConnection WebSocket needle.get needle.post superagent.post superagent.get ky.post ky.get \
        urllib3.request HTTPClient RestClient.get RestClient.post Faraday.post Faraday.get HTTParty.get HTTParty.post \
        Guzzle http.Get http.Post download curl_fetch_memory readURL Downloads.download HTTP.request \
        undici.request request.get request.post request_uri urlfetch wget.download url-retrieve-synchronously",
    ),
    (
        Connects,
        "create_connection fsockopen pfsockopen TCPSocket.new TCPSocket.open net.connect net.createConnection \
        stream_socket_client IO.Socket.INET.new socket.create_connection SMTP smtplib.SMTP SMTP_SSL ftplib.FTP \
        connect connect_ex gen_tcp.connect socket.tcp Deno.connect UDPSocket Net.Socket net.Dial open_connection",
    ),
    (
        Runs,
        "eval exec Function compile instance_eval class_eval module_eval runInThisContext runInNewContext runInContext loadstring \
        load dofile assert create_function execfile Code.eval_string Code.eval_file vm.runInContext runpy.run_path \
        pickle.loads pickle.load cPickle.loads dill.loads yaml.unsafe_load Marshal.load \
        include require_once exec_module eval_string timeit.timeit timeit evalScript \
        setTimeout runcode interact eval-string source parse_eval unserialize",
    ),
    (
        Decodes,
        "b64decode atob Buffer.from decode64 strict_decode64 urlsafe_decode64 base64_decode unhexlify fromhex \
        hex2bin str_rot13 decodebytes a2b_hex a2b_base64 codecs.decode decompress inflateSync gunzipSync \
        gzinflate b32decode b85decode a85decode decode_base64 unpack pack urlsafe_b64decode gzuncompress \
        inflate decode64! standard_b64decode base64.decode brotliDecompressSync gzdecode base64decode \
        base64-decode marshal.loads convert_uudecode rawToChar decodestring",
    ),
    (
        ChangesDirectory,
        "os.chdir process.chdir Dir.chdir chdir setwd Deno.chdir File.cd File.cd! FileUtils.cd lfs.chdir cd",
    ),
    (
        Kills,
        "os.kill process.kill Process.kill kill posix_kill killpg os.killpg",
    ),
    (
        ChangesMode,
        "chmod chmodSync lchmod chmod_R FileUtils.chmod_R Sys.chmod File.chmod!",
    ),
    (
        ChangesOwner,
        "chown chownSync lchown chown_R FileUtils.chown_R",
    ),
    (
        JoinsPath,
        "path.join path.resolve joinpath File.join File.expand_path file.path Path.join catfile catdir joinPath \
        Path.of Paths.get filepath.Join Path.expand resolvePath",
    ),
    (
        Home,
        "Path.home homedir os.homedir Dir.home System.user_home System.user_home! user_home path.home \
        File.HomeDir.my_home os.UserHomeDir NSHomeDirectory homeDirectory user-homedir-pathname my_home",
    ),
    (
        Same,
        "Path PurePath PosixPath WindowsPath Pathname Pathname.new expanduser os.fspath str String abspath realpath resolve \
        absolute expandvars decode encode toString to_s trim strip chomp rstrip lstrip sorted list tuple \
        Array.from shlex.split shlex.quote shellescape to_path bytes bytearray normpath normalize path.normalize as_posix URL \
        Request set iter filter toArray fileURLToPath text json read content body path.expand \
        realpathSync flat __str__ get_data slice array path.expanduser File URI URI.parse new.URL io.StringIO \
        IO.iodata_to_binary StringIO os.path.expanduser charlist String.to_charlist to_charlist c_str escapeshellarg quote \
        chain toURI byval b file-expand-wildcards expand-file-name as_uri as_str lines split_lines uniq compact sort \
        map collect ipairs pairs enumerate zip Object.values Object.keys toList each_line readlines_of freeze dup string os.path.realpath gets getvalue asString",
    ),
    (
        Queries,
        "execute executescript executemany query raw exec_query exec_sql execute_sql sql rawQuery db.run mysqli_query \
        pg_query text_query $executeRaw $executeRawUnsafe $queryRawUnsafe unsafe execute_batch select_all dbExecute dbGetQuery \
        read_sql mysql_query run_sql db.exec",
    ),
    (
        Drops,
        "flushall flushdb flushAll flushDb drop_database dropDatabase drop_collection dropCollection drop_all \
        drop_table dropTable drop_tables delete_all destroy_all drop_db dropAllTables",
    ),
    (
        Destroys,
        "terminate_instances delete_bucket delete_db_instance delete_db_cluster delete_stack delete_cluster delete_table \
        delete_objects delete_volume delete_snapshot delete_function delete_vpc delete_user delete_secret \
        schedule_key_deletion delete_hosted_zone delete_nodegroup delete_file_system delete_namespace \
        delete_namespaced_deployment delete_collection_namespaced_pod delete_persistent_volume begin_delete \
        delete_resource_group delete_repository delete_log_group deleteBucket terminateInstances \
        deleteStack deleteTable deleteDBInstance delete_project deleteRepository delete_repo volumes.prune \
        containers.prune delete_droplet delete_server",
    ),
    (
        Prints,
        "sys.stdout.write stdout.write process.stdout.write io.write print_r cat Write fputs_out IO.write_out \
        princ display",
    ),
    (
        PrintsLine,
        "print puts echo console.log println say IO.puts Console.log p pp console.error writeln message \
        putStrLn System.out.println dump var_dump",
    ),
    (
        Becomes,
        "setuid setgid seteuid setreuid setresuid posix_setuid posix_seteuid",
    ),
    (
        Sends,
        "sendmail sendall sendto socket.send send_message storbinary storlines upload_file put_object \
        upload_fileobj upload_from_filename sftp.put Net.FTP.put ftp_put stor putObject upload",
    ),
];

/// Calls that run code only by themselves or as members of these.
const EXACT: &[&str] = &[
    "eval", "exec", "compile", "load", "dofile", "source", "include", "assert", "timeit",
    "interact", "loads", "Function",
];
const GLOBALS: &[&str] = &[
    "builtins.",
    "__builtins__.",
    "global.",
    "globalThis.",
    "window.",
    "Kernel.",
    "self.",
    "this.",
    "vm.",
    "pickle.",
    "cPickle.",
    "dill.",
    "Marshal.",
    "timeit.",
];

/// The last words of the names in `CALLS`, with the whole name and what it does.
static BY_LAST: LazyLock<HashMap<&'static str, Vec<(&'static str, Does)>>> = LazyLock::new(|| {
    let mut all: HashMap<_, Vec<_>> = HashMap::new();
    for (does, names) in CALLS {
        for name in names.split_ascii_whitespace() {
            let last = name.rsplit('.').next().unwrap_or(name);
            all.entry(last).or_default().push((name, *does));
        }
    }
    all
});

/// What the call `name` does.
pub(super) fn does(name: &str, language: Language) -> Option<Does> {
    let folded;
    let name = if name.contains("::") || name.contains(':') {
        folded = name.replace("::", ".").replace(':', ".");
        folded.as_str()
    } else {
        name
    };
    match by_language(name, language) {
        Meaning::Own(does) => return Some(does),
        Meaning::Nothing => return None,
        Meaning::Common => {}
    }
    let last = name.rsplit('.').next().unwrap_or(name);
    let known = BY_LAST.get(last)?;
    // The longest name that fits says most.
    known
        .iter()
        .filter(|(known, _)| {
            name.strip_suffix(known)
                .is_some_and(|before| before.is_empty() || before.ends_with('.'))
        })
        .max_by_key(|(known, _)| known.len())
        .map(|(_, does)| *does)
        // `json.load`, `re.compile`, `pattern.exec`: only the words by themselves run code.
        .filter(|does| {
            *does != Runs
                || !EXACT.contains(&last)
                || name == last
                || GLOBALS
                    .iter()
                    .any(|global| name.strip_suffix(last) == Some(global))
        })
}

/// What a word means in one language.
enum Meaning {
    Own(Does),
    /// Nothing that is known here.
    Nothing,
    /// The same as elsewhere.
    Common,
}

/// Words that mean something of their own in one language.
fn by_language(name: &str, language: Language) -> Meaning {
    use Language as L;
    Meaning::Own(match (name, language) {
        ("exec", L::Perl | L::Ruby | L::Php | L::Elixir | L::R) | ("run", L::Julia) => Spawns,
        ("exec", L::Braces | L::Groovy)
        | ("spawn" | "sh", L::Ruby)
        | ("script", L::AppleScript) => Spawns,
        ("load" | "dofile", L::Lua)
        | ("source" | "eval", L::R)
        | ("include" | "require_once" | "assert" | "load" | "unserialize", L::Php)
        | ("load" | "require_relative", L::Ruby)
        | ("do", L::Perl) => Runs,
        ("Cmd", L::Julia) => Same,
        ("run", L::Perl) | ("sh", L::Lisp) => SpawnsList,
        ("rm", L::Julia) => DeletesTree,
        ("remove" | "remove_item", L::Julia | L::R) => return Meaning::Nothing,
        ("rm", L::R) => return Meaning::Nothing,
        ("copy", L::Perl | L::Php) | ("cp", L::Julia | L::Ruby) => Copies,
        ("move", L::Perl | L::Php) => Moves,
        ("get", L::Perl) => Fetches,
        ("remove", L::Ruby) => DeletesFile,
        ("file" | "array", L::Php) => {
            if name == "file" {
                Reads
            } else {
                Same
            }
        }
        ("exec", L::JavaScript)
        | ("filter" | "find" | "assert" | "map" | "pack" | "unpack", L::Python)
        | (
            "setTimeout" | "include" | "file" | "load" | "assert" | "require_once" | "array"
            | "source" | "unserialize" | "scan",
            _,
        ) => return Meaning::Nothing,
        ("cd", language) if !matches!(language, L::Julia | L::Ruby) => return Meaning::Nothing,
        (
            "sh" | "script" | "Cmd" | "download" | "raw" | "query" | "sql" | "upload" | "trash",
            _,
        ) => return Meaning::Nothing,
        _ => return Meaning::Common,
    })
}
