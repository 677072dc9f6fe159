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
use JSON::PP ();
use Socket qw(SOCK_STREAM);
use Test::More ();

# Both are methods of a TallyTest, told apart by what they are about.
use parent qw(TallyTest::Processes TallyTest::Database);

our $ROOT = abs_path(dirname(__FILE__) . '/../../..');

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
		s{/var/lib/tally-status\b}{$dir/status}g;
		s{/usr/local/share/tally\b}{$dir/share}g;
		s{/var/lib/tally\b}{$dir}g;
		s{^(\s*)listen 80;}{$1listen 127.0.0.1:$port;}m;
		$opt{edit}->() if $opt{edit} && $file eq 'tally.conf';
		open my $out, '>', "$dir/$file" or die "TallyTest: $file: $!\n";
		print $out $_;
	}
	make_path("$dir/nginx", "$dir/status", "$dir/share");
	copy("$ROOT/deploy/www/status.html", "$dir/share/status.html")
		or die "TallyTest: deploy/www/status.html: $!\n";
	if (defined $self->{uid})
	{
		chown $self->{uid}, $self->{gid}, "$dir/nginx", "$dir/status";
	}

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
		timeout => $TallyTest::Processes::DEADLINE_S, max_redirect => 0);
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
		PeerAddr => "127.0.0.1:$self->{port}", Timeout => $TallyTest::Processes::DEADLINE_S)
		or die "TallyTest: connect: $!\n";
	my $answer = '';

	local $SIG{PIPE} = 'IGNORE';
	print $socket $bytes;
	$socket->flush;
	local $SIG{ALRM} = sub { die "TallyTest: no end of the answer\n" };
	alarm $TallyTest::Processes::DEADLINE_S;
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
