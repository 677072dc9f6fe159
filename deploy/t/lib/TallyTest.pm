# TallyTest.pm
#     One throw-away Tally for a test: a private PostgreSQL, the two responders
#     and nginx, in a temporary folder, on their own sockets and port.
#
#     use TallyTest;
#     my $tally = TallyTest->new;          # the folder
#     $tally->start_postgres;              # a cluster, with Tally in it
#     $tally->start_write;                 # tally-write on run/write.sock
#     $tally->start_read;                  # tally-read on run/read.sock
#     $tally->start_nginx;                 # deploy/nginx/tally.conf
#     my $p = $tally->create_project;      # {project, master_key, ...}
#     my $r = $tally->http('GET', '/health/live');
#     is($r->{status}, 200);
#
# As root, every process is run by "postgres": the server refuses root, and
# what nginx and the responders do should not depend on root's rights either.
# So that this works below a folder that only root may enter, the programs are
# run from copies.
#
# Whatever was started is ended, by its process id, when the test ends, in any
# way but kill -9; the folder goes too, unless the test failed and
# TALLY_TEST_KEEP is set.  TMPDIR says where the folder is made, PG_CONFIG
# which server is used (the extension must have been installed into it).
package TallyTest;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use File::Temp ();
use HTTP::Tiny;
use IO::Socket::INET;
use IO::Socket::UNIX;
use IPC::Run ();
use JSON::PP ();
use POSIX qw(WNOHANG _exit setsid);
use Socket qw(SOCK_STREAM);
use Test::More ();
use Time::HiRes qw(sleep time);

our $ROOT = abs_path(dirname(__FILE__) . '/../../..');

# How long anything may take to start or to stop before the test fails: on a
# machine whose disk and processors are others' it may be a minute.
our $DEADLINE_S = 120;

my @started;    # every TallyTest of this process, for END
my $main_pid = $$;

# new(%opt) -- an empty folder; nothing runs yet.
#   name => text    of the folder, to tell two of one test apart
sub new
{
	my ($class, %opt) = @_;
	my $name = $opt{name} // 'tally';
	my $dir = File::Temp::tempdir("$name-XXXXXX", TMPDIR => 1);
	my $self = bless {
		dir => $dir,
		name => $name,
		proc => {},
		owner_pid => $$,
		json => JSON::PP->new->canonical,
	}, $class;

	make_path("$dir/run", "$dir/log", "$dir/bin");
	if ($> == 0)
	{
		my ($uid, $gid) = (getpwnam('postgres'))[2, 3];
		die "TallyTest: root needs the user \"postgres\" to run a server\n"
			unless defined $uid;
		$self->{uid} = $uid;
		$self->{gid} = $gid;
		chown $uid, $gid, $dir, "$dir/run", "$dir/log", "$dir/bin";
	}
	push @started, $self;
	return $self;
}

sub dir { return $_[0]{dir} }

# log_text(name) -- what "postgres", "write", "read" or "nginx" has said.
sub log_text
{
	my ($self, $name) = @_;
	open my $fh, '<', "$self->{dir}/log/$name.log" or return '';
	local $/;
	return scalar(<$fh>) // '';
}

#-----------------------------------------------------------------------------
# Processes
#-----------------------------------------------------------------------------

# become_user -- in a child: give root's rights away, for good.
sub become_user
{
	my ($self) = @_;
	return unless defined $self->{uid};
	$( = $self->{gid};
	$) = "$self->{gid} $self->{gid}";
	POSIX::setuid($self->{uid});
	die "TallyTest: still root\n" if $> == 0 || $< == 0;
}

# spawn(name, command...) -- start a program, its output in log/name.log.
#
# The child leads its own session, so that a Ctrl-C at the terminal reaches the
# test alone, which then ends its children in order.
sub spawn
{
	my ($self, $name, @command) = @_;
	my $pid = fork() // die "TallyTest: fork: $!\n";

	if ($pid == 0)
	{
		setsid();
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', "$self->{dir}/log/$name.log" or _exit(126);
		open STDERR, '>&', \*STDOUT or _exit(126);
		$SIG{$_} = 'DEFAULT' for qw(INT TERM PIPE HUP);
		eval { $self->become_user; chdir $self->{dir}; exec @command };
		print STDERR "cannot run $command[0]: ", $@ || $!, "\n";
		_exit(127);
	}
	$self->{proc}{$name} = $pid;
	return $pid;
}

# run_as_user(command...) -- run a program to its end; dies when it fails.
sub run_as_user
{
	my ($self, @command) = @_;
	my $out = '';
	IPC::Run::run(\@command, '<', \undef, '>&', \$out,
		init => sub { $self->become_user; chdir $self->{dir} })
		or die "TallyTest: @command\n$out";
	return $out;
}

sub pid { return $_[0]{proc}{$_[1]} }

# is_running(name) -- reaps it when it is not, and keeps its exit status.
sub is_running
{
	my ($self, $name) = @_;
	my $pid = $self->{proc}{$name} or return 0;
	my $done = waitpid($pid, WNOHANG);
	return 1 if $done == 0;
	$self->{status}{$name} = $done == $pid ? $? : undef;
	delete $self->{proc}{$name};
	return 0;
}

# exit_status(name) -- as in $?, of a process that has ended.
sub exit_status { return $_[0]{status}{$_[1]} }

# wait_until(what, check) -- until check() is true; dies at the deadline.
sub wait_until
{
	my ($self, $what, $check, $seconds) = @_;
	my $end = time + ($seconds // $DEADLINE_S);
	while (time < $end)
	{
		my $result = $check->();
		return $result if $result;
		sleep 0.05;
	}
	die "TallyTest: waited in vain for $what\n";
}

# wait_until_up(name, check) -- the same, but notices that a process died.
sub wait_until_up
{
	my ($self, $name, $check) = @_;
	$self->wait_until(
		"$name to start",
		sub {
			die "TallyTest: $name ended at start:\n" . $self->log_text($name)
				unless $self->is_running($name);
			return $check->();
		});
}

sub signal
{
	my ($self, $name, $signal) = @_;
	my $pid = $self->{proc}{$name} or die "TallyTest: no $name runs\n";
	kill $signal, $pid or die "TallyTest: kill $signal $name: $!\n";
}

# wait_for_exit(name, seconds) -- true when it ended by itself in time.
sub wait_for_exit
{
	my ($self, $name, $seconds) = @_;
	return eval {
		$self->wait_until("the end of $name",
			sub { !$self->is_running($name) }, $seconds);
	} ? 1 : 0;
}

# stop_process(name, signal) -- end it; kills it (and says so) when it stays.
sub stop_process
{
	my ($self, $name, $signal) = @_;
	return 1 unless $self->is_running($name);
	my $pid = $self->{proc}{$name};

	kill 'CONT', $pid;
	kill $signal // 'TERM', $pid;
	return 1 if $self->wait_for_exit($name, $DEADLINE_S);

	Test::More::diag("$name did not stop on " . ($signal // 'TERM'));
	kill 'KILL', $pid;
	$self->wait_for_exit($name, $DEADLINE_S);
	return 0;
}

# kill_process(name) -- kill -9, and wait until it is gone.
sub kill_process
{
	my ($self, $name) = @_;
	$self->signal($name, 'KILL');
	$self->wait_for_exit($name, $DEADLINE_S)
		or die "TallyTest: $name survived kill -9\n";
}

#-----------------------------------------------------------------------------
# PostgreSQL
#-----------------------------------------------------------------------------

# pg(tool) -- the path of a program of the server under test.
sub pg
{
	my ($self, $tool) = @_;
	unless ($self->{bindir})
	{
		my $config = $ENV{PG_CONFIG}
			// '/usr/lib/postgresql/15/bin/pg_config';
		chomp($self->{bindir} = `$config --bindir`);
		die "TallyTest: $config does not work\n" unless $self->{bindir};
	}
	return "$self->{bindir}/$tool";
}

# start_postgres(%opt) -- make the cluster at the first call, and start it.
#   conf => text       lines for postgresql.conf, at the first call
#   plain => 1         without Tally in it
#
# Only a unix socket, in a folder that nobody else may enter: so "trust" trusts
# no more than the owner of the files already is.
sub start_postgres
{
	my ($self, %opt) = @_;
	my $data = "$self->{dir}/pgdata";
	my $first = !-d $data;

	if ($first)
	{
		$self->run_as_user($self->pg('initdb'), '-D', $data, '-U', 'postgres',
			'--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8',
			'--no-sync');
		open my $fh, '>>', "$data/postgresql.conf" or die "TallyTest: $!\n";
		print $fh "listen_addresses = ''\n",
			"unix_socket_directories = '$self->{dir}/run'\n",
			"port = 5432\n", "fsync = off\n", "max_connections = 60\n",
			"shared_buffers = 64MB\n", "timezone = 'UTC'\n",
			"log_line_prefix = '%m [%p] %u '\n", $opt{conf} // '', "\n";
		close $fh;
	}
	$self->spawn('postgres', $self->pg('postgres'), '-D', $data);
	$self->wait_until_up('postgres', sub { $self->postgres_answers });
	$self->install if $first && !$opt{plain};
}

sub postgres_answers
{
	my ($self) = @_;
	my ($ok) = $self->psql_try('SELECT 1', db => 'postgres');
	return $ok;
}

sub stop_postgres { return $_[0]->stop_process('postgres', 'INT') }

# install -- a database "tally" with the roles, the extension and the store.
sub install
{
	my ($self) = @_;
	$self->psql('CREATE DATABASE tally', db => 'postgres');
	$self->psql('CREATE EXTENSION tally');
	$self->psql_file("$ROOT/deploy/roles.sql");
}

# Arguments of psql and libpq that reach the server as "user".
sub psql_command
{
	my ($self, %opt) = @_;
	return ($self->pg('psql'), '-X', '-A', '-t', '-q',
		'-v', 'ON_ERROR_STOP=1', '-h', "$self->{dir}/run", '-p', 5432,
		'-U', $opt{user} // 'postgres', '-d', $opt{db} // 'tally');
}

sub conninfo
{
	my ($self, %opt) = @_;
	return "host=$self->{dir}/run port=5432 dbname=" . ($opt{db} // 'tally')
		. ' user=' . ($opt{user} // 'postgres');
}

# psql_try(sql, %opt) -- (success, output, errors).  user =>, db =>.
sub psql_try
{
	my ($self, $sql, %opt) = @_;
	my ($out, $err) = ('', '');
	local $ENV{PGCONNECT_TIMEOUT} = 5;
	# A psql that cannot connect ends before it has read what it is given: the
	# write to it then fails, of which IPC::Run dies.
	local $SIG{PIPE} = 'IGNORE';
	my $ok = eval {
		IPC::Run::run([$self->psql_command(%opt)],
			'<', \$sql, '>', \$out, '2>', \$err);
	};
	die $@ if $@ && $@ !~ /Broken pipe/;
	chomp $out;
	return ($ok, $out, $err);
}

# psql(sql, %opt) -- the output, unaligned, without headers; dies on an error.
sub psql
{
	my ($self, $sql, %opt) = @_;
	my ($ok, $out, $err) = $self->psql_try($sql, %opt);
	die "TallyTest: psql: $err\n$sql\n" unless $ok;
	return $out;
}

sub psql_file
{
	my ($self, $file, %opt) = @_;
	open my $fh, '<', $file or die "TallyTest: $file: $!\n";
	local $/;
	return $self->psql(scalar(<$fh>), %opt);
}

# pids_of(name) -- the process and its children, to stop them as one.
sub pids_of
{
	my ($self, $name) = @_;
	my $top = $self->{proc}{$name} or return ();
	my @pids = ($top);
	for my $stat (glob '/proc/[0-9]*/stat')
	{
		open my $fh, '<', $stat or next;
		my $line = <$fh> // next;
		push @pids, $1 if $line =~ /^(\d+) \(.*\) \S (\d+) / && $2 == $top;
	}
	return @pids;
}

sub database_pids { return $_[0]->pids_of('postgres') }

# stall_database / resume_database -- nothing answers, nothing is closed.
sub stall_database
{
	my ($self) = @_;
	kill 'STOP', $self->database_pids;
}

sub resume_database
{
	my ($self) = @_;
	kill 'CONT', $self->database_pids;
}

# create_project(name) -- {project, master_key, write_key, read_key}
sub create_project
{
	my ($self, $name) = @_;
	$name //= 'test';
	my @row = split /\|/, $self->psql('SELECT project, master_key, write_key,'
			. " read_key FROM tally.create_project('$name')");
	my %p;
	@p{qw(project master_key write_key read_key)} = @row;
	return \%p;
}

#-----------------------------------------------------------------------------
# Responders
#-----------------------------------------------------------------------------

# start_responder(name, program, %settings)
sub start_responder
{
	my ($self, $name, $program, %settings) = @_;
	my $conf = "$self->{dir}/$name.conf";
	my $binary = "$self->{dir}/bin/$program";

	unless (-x $binary)
	{
		copy("$ROOT/fcgi/$program", $binary)
			or die "TallyTest: fcgi/$program: $! (run make first)\n";
		chmod 0755, $binary;
	}
	open my $fh, '>', $conf or die "TallyTest: $conf: $!\n";
	print $fh "$_ = $settings{$_}\n" for sort keys %settings;
	close $fh;

	$self->spawn($name, $binary, '--config', $conf);
	$self->wait_until_up($name, sub { answers_unix($settings{listen}) });
}

sub answers_unix
{
	my ($path) = @_;
	return defined IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path);
}

# start_write(%settings) -- settings of tally-write's configuration file; the
# socket, the spool and the database are already those of this folder.
sub start_write
{
	my ($self, %settings) = @_;
	my $spool = "$self->{dir}/spool";

	unless (-d $spool)
	{
		make_path($spool);
		chmod 0700, $spool;
		chown $self->{uid}, $self->{gid}, $spool if defined $self->{uid};
	}
	$self->start_responder(
		'write', 'tally-write',
		listen => $self->write_socket,
		database => $self->conninfo(user => 'tally_writer'),
		spool => $spool,
		%settings);
}

sub start_read
{
	my ($self, %settings) = @_;
	$self->start_responder(
		'read', 'tally-read',
		listen => $self->read_socket,
		database => $self->conninfo(user => 'tally_reader'),
		%settings);
}

sub write_socket { return "$_[0]{dir}/run/write.sock" }
sub read_socket { return "$_[0]{dir}/run/read.sock" }
sub stop_write { return $_[0]->stop_process('write') }
sub stop_read { return $_[0]->stop_process('read') }

#-----------------------------------------------------------------------------
# nginx and HTTP
#-----------------------------------------------------------------------------

# free_port -- one that was free a moment ago, on 127.0.0.1.
sub free_port
{
	my $socket = IO::Socket::INET->new(
		Listen => 1, LocalAddr => '127.0.0.1', Proto => 'tcp')
		or die "TallyTest: no port: $!\n";
	return $socket->sockport;
}

# start_nginx(%opt) -- deploy/nginx as the demo runs it. Another program may
# take the port in the moment before nginx does: then it is another one.
#   edit => sub { }     may change the text of tally.conf, in $_
sub start_nginx
{
	my ($self, %opt) = @_;
	my $known = $self->{port};

	for my $try (1 .. 5)
	{
		$self->{port} //= free_port();
		return if eval { $self->start_nginx_at($self->{port}, %opt); 1 };
		die $@ if $known || $@ !~ /could not bind/;
		delete $self->{port};
	}
	die "TallyTest: no port for nginx\n";
}

sub start_nginx_at
{
	my ($self, $port, %opt) = @_;
	my $dir = $self->{dir};

	for my $file (qw(nginx.conf tally.conf))
	{
		open my $in, '<', "$ROOT/deploy/nginx/$file"
			or die "TallyTest: deploy/nginx/$file: $!\n";
		local $/;
		local $_ = <$in>;
		s{/run/tally\b}{$dir/run}g;
		s{/var/lib/tally\b}{$dir}g;
		s{^(\s*)listen 80;}{$1listen 127.0.0.1:$port;}m;
		$opt{edit}->() if $opt{edit} && $file eq 'tally.conf';
		open my $out, '>', "$dir/$file" or die "TallyTest: $file: $!\n";
		print $out $_;
	}
	make_path("$dir/nginx");
	chown $self->{uid}, $self->{gid}, "$dir/nginx" if defined $self->{uid};

	my ($nginx) = grep { -x } map { "$_/nginx" }
		split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin';
	die "TallyTest: nginx is not installed\n" unless $nginx;
	$self->spawn('nginx', $nginx, '-e', 'stderr', '-p', $dir,
		'-c', "$dir/nginx.conf");
	# It notes its pid when the port is its own.
	$self->wait_until_up('nginx', sub { -s "$dir/nginx/nginx.pid"
			&& IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") });
}

sub stop_nginx { return $_[0]->stop_process('nginx', 'QUIT') }
sub url { return "http://127.0.0.1:$_[0]{port}" }

# http(method, path, %opt) -- {status, headers, content, json}
#   key => text        the Authorization header
#   json => value      a body made of it;  body => text: as it is
#   headers => {}
# "json" of the answer is its body decoded, or undef when it is no JSON.
sub http
{
	my ($self, $method, $path, %opt) = @_;
	my $client = $self->{http}{$$} //= HTTP::Tiny->new(
		timeout => $DEADLINE_S, max_redirect => 0);
	my %headers = %{ $opt{headers} // {} };
	my $body = $opt{body};

	$headers{Authorization} = $opt{key} if defined $opt{key};
	if (exists $opt{json})
	{
		$body = $self->{json}->encode($opt{json});
		utf8::encode($body);
		$headers{'Content-Type'} //= 'application/json';
	}
	my $response = $client->request($method, $self->url . $path,
		{ headers => \%headers, defined $body ? (content => $body) : () });
	$response->{json} = eval {
		JSON::PP->new->utf8->allow_nonref->decode($response->{content});
	};
	return $response;
}

# http_raw(bytes) -- send them as they are; all that came back.
sub http_raw
{
	my ($self, $bytes) = @_;
	my $socket = IO::Socket::INET->new(
		PeerAddr => "127.0.0.1:$self->{port}", Timeout => $DEADLINE_S)
		or die "TallyTest: connect: $!\n";
	my $answer = '';

	local $SIG{PIPE} = 'IGNORE';
	print $socket $bytes;
	$socket->flush;
	local $SIG{ALRM} = sub { die "TallyTest: no end of the answer\n" };
	alarm $DEADLINE_S;
	while (sysread $socket, my $part, 65536) { $answer .= $part }
	alarm 0;
	return $answer;
}

# query(project, analysis, request, %opt) -- the answer of POST /queries/...
sub query
{
	my ($self, $project, $analysis, $request, %opt) = @_;
	return $self->http(
		'POST', "/3.0/projects/$project->{project}/queries/$analysis",
		key => $project->{read_key}, json => $request, %opt);
}

# wait_for_events(n) -- until the store holds n of them: the spool is drained.
sub wait_for_events
{
	my ($self, $n, $seconds) = @_;
	$self->wait_until(
		"$n stored events",
		sub {
			$self->psql('SELECT count(*) FROM tally_store.event') >= $n;
		},
		$seconds);
}

#-----------------------------------------------------------------------------
# The end
#-----------------------------------------------------------------------------

# stop -- end everything, outermost first.  True when all ended as asked.
sub stop
{
	my ($self) = @_;
	my $ok = 1;

	$self->resume_database;
	$ok &= $self->stop_nginx;
	for my $name (sort grep { $_ ne 'postgres' } keys %{ $self->{proc} })
	{
		$ok &= $self->stop_process($name);
	}
	$ok &= $self->stop_postgres;
	return $ok;
}

sub show_logs
{
	my ($self) = @_;
	for my $file (glob "$self->{dir}/log/*.log")
	{
		open my $fh, '<', $file or next;
		my @lines = <$fh>;
		splice @lines, 0, -40 if @lines > 40;
		Test::More::diag("--- last lines of $file");
		Test::More::diag(join '', @lines);
	}
}

END
{
	my $status = $?;
	if ($$ == $main_pid)
	{
		my $failed = $status != 0
			|| !Test::More->builder->is_passing;
		for my $self (@started)
		{
			eval { $self->stop; 1 } or warn $@;
			$self->show_logs if $failed && !$self->{no_logs};
			remove_tree($self->{dir})
				unless $failed && $ENV{TALLY_TEST_KEEP};
		}
	}
	$? = $status;
}

# A Ctrl-C or a time limit ends the test through END, not past it.
$SIG{$_} = sub { die "TallyTest: got SIG$_[0]\n" } for qw(INT TERM HUP);

1;
