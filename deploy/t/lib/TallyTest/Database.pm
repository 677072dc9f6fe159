# Database.pm
#     The PostgreSQL of a TallyTest: a cluster in its folder, on a unix socket,
#     with Tally in it; SQL; a server that stands still.
package TallyTest::Database;

use strict;
use warnings;

use IPC::Run ();

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
	$self->psql_file("$TallyTest::ROOT/deploy/roles.sql");
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

# database_pids -- the postmaster and all its children.
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

1;
