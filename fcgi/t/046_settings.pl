# What a connection to the database is set to.  Where a pooler between drops what
# was asked for, no statement is run on it, the log says which setting it was and
# what to do, and where the role has the settings all works.
#
# Measures no times.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use Relay;
use Standin;
use TallyTest;
use Test::More;

my $tally = TallyTest->new(name => 'settings');
my $p = Standin::start($tally);
# what was not asked for is something else
my %default = (DateStyle => 'SQL, DMY', TimeZone => 'Europe/Prague',
	bytea_output => 'escape', client_connection_check_interval => 0,
	default_transaction_read_only => 'off', idle_in_transaction_session_timeout => 0,
	lock_timeout => 0, search_path => '"$user", public', statement_timeout => 0);
$tally->psql("ALTER DATABASE tally SET $_ = '$default{$_}'")
	for grep { !/^search/ } sort keys %default;
my %asked = (DateStyle => 'ISO', TimeZone => 'UTC', bytea_output => 'hex',
	client_connection_check_interval => 1000,
	default_transaction_read_only => 'on',
	idle_in_transaction_session_timeout => 5000, lock_timeout => 1000,
	search_path => 'pg_catalog', statement_timeout => 3000);

my $relay = Relay->start($tally);
my %settings = (connect_timeout_ms => 500, key_refresh_ms => 200);
$tally->start_read(%settings, database => $relay->conninfo('tally_reader'),
	statement_timeout_ms => 3000, query_deadline_ms => 4000);
$tally->start_nginx;

my $n = 0;
sub echo { return $tally->query($p, 'echo', { question => ++$n }) }

# works(title) -- a query is answered, on a connection made after this.
sub works
{
	my ($title) = @_;
	$relay->reset_all;
	my $r;
	eval { $tally->wait_until('an answer', sub {
		($r = echo())->{status} == 200 && !$r->{headers}{warning} }, 20) };
	is($r->{status}, 200, "$title: queries are answered");
	is($r->{json}{result}{read_only} // $r->{json}{read_only}, 'on',
		"$title: read only");
	return;
}

# says(log, title, regex) -- in it, since it was as long as that.
sub says
{
	my ($log, $from, $title, $regex) = @_;
	eval { $tally->wait_until($title,
		sub { substr($tally->log_text($log), $from) =~ $regex }, 20) };
	like(substr($tally->log_text($log), $from), $regex, $title);
	return;
}

works('as it was asked');
for my $name (sort keys %asked)
{
	my $from = length $tally->log_text('read');
	$relay->drop($name);
	$relay->reset_all;
	is(echo()->{status}, 503, "$name dropped: no query is run");
	my $is = $default{$name} =~ s/"/\\"/gr;
	says('read', $from, '... the log says what is, what was asked and what to do',
		qr/event=db_down error="the connection's $name is \Q$is\E, $asked{$name} was asked: .* ALTER ROLE tally_reader SET $name = '$asked{$name}'"/);
	$relay->drop('none');
	$tally->wait_until('an answer', sub { echo()->{status} == 200 });
}

$relay->drop('.*');
$relay->reset_all;
is(echo()->{status}, 503, 'all dropped: no query is run');
$tally->psql("ALTER ROLE tally_reader SET $_ = $asked{$_}") for sort keys %asked;
works('all dropped, and the role has them');
$tally->stop_read;

$tally->psql("ALTER ROLE tally_writer SET $_ = $asked{$_}")
	for grep { !/^statement/ } sort keys %asked;
$tally->psql('ALTER ROLE tally_writer SET statement_timeout = 9000');
my %writer = (%settings, spool_file_mb => 1, spool_reserve_mb => 0,
	database => $relay->conninfo('tally_writer'));
$tally->start_write(%writer);
says('write', 0, 'a writer that may only read: the log says so',
	qr/the connection's default_transaction_read_only is on, off was asked/);
$tally->stop_write;

# A batch that takes too long is ended by the server; only one that does not do
# that is left to itself, with its connection.
$relay->drop('none');
$tally->psql(<<'END');
CREATE FUNCTION tally.spool_progress(uuid) RETURNS int8 LANGUAGE sql
AS 'SELECT 0::int8';
CREATE FUNCTION tally.ingest(uuid, int8, int8, bytea, bool, int4[],
    OUT stored int8, OUT duplicate int8, OUT rejected int4[]) LANGUAGE sql
AS $$ SELECT 1::int8, 0::int8, '{}'::int4[] FROM pg_sleep(5) $$;
END
$tally->start_write(%writer, drain_timeout_ms => 1500);
my $r;
eval { $tally->wait_until('the keys', sub {
	($r = $tally->http('POST', "/3.0/projects/$p->{project}/events/c",
		key => $p->{write_key}, json => { a => 1 }))->{status} != 503 }, 20) };
is($r->{status}, 201, 'an event is taken');
says('write', 0, 'it takes too long to store: the server says so',
	qr/event=drain_waits error="57014 /);

ok($tally->stop, 'all stops');
done_testing();
