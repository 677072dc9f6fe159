# The server has loaded a library of Tally that is older than the programs
# (shared_preload_libraries, and it was not started anew since the update): what
# it does not know is left out, and the connections work.
#
# Measures no times.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use Standin;
use TallyTest;
use Test::More;

my $tally = TallyTest->new(name => 'old');
my $p = Standin::start($tally);
$tally->psql(<<'END');
CREATE FUNCTION tally.spool_progress(uuid) RETURNS int8 LANGUAGE sql
AS 'SELECT 0::int8';
CREATE TABLE tally.nice (value text);
GRANT INSERT ON tally.nice TO tally_writer;
CREATE FUNCTION tally.ingest(uuid, int8, int8, bytea, bool, int4[],
    OUT stored int8, OUT duplicate int8, OUT rejected int4[]) LANGUAGE sql
AS $$ INSERT INTO tally.nice
      VALUES (current_setting('tally.ingest_nice', true));
      SELECT $3 - $2 + 1, 0::int8, '{}'::int4[] $$;
END

my %settings = (key_refresh_ms => 200);
my %writer = (%settings, spool_file_mb => 1, spool_reserve_mb => 0,
	drain_nice => 7);

# works(title) -- events are taken and stored, queries answered.
sub works
{
	my ($title) = @_;
	$tally->start_write(%writer);
	$tally->start_read(%settings);
	my %answer = (event => sub { $tally->http('POST',
				"/3.0/projects/$p->{project}/events/c", key => $p->{write_key},
				json => { a => 1 }) },
		query => sub { $tally->query($p, 'echo', { title => $title }) });
	for my $what (sort keys %answer)
	{
		my $r;
		eval { $tally->wait_until('the keys',
			sub { ($r = $answer{$what}->())->{status} != 503 }, 20) };
		like($r->{status}, qr/^20[01]$/, "$title: $what");
	}
	my $nice;
	eval { $tally->wait_until('the event to be stored',
		sub { ($nice = $tally->psql("SELECT coalesce(value, 'unknown')"
						. ' FROM tally.nice LIMIT 1')) ne '' }, 20) };
	$tally->psql('TRUNCATE tally.nice');
	$tally->stop_write;
	$tally->stop_read;
	return $nice;
}

$tally->start_nginx;
is(works('no library yet'), 7, 'no library yet: storing gives way');

my $library = $tally->dir . '/bin/old_library.so';
my $pg_config = $tally->pg('pg_config');
chomp(my $include = `$pg_config --includedir-server`);
system('cc', '-O2', '-fPIC', '-shared', "-I$include", '-o', $library,
	"$FindBin::Bin/lib/old_library.c") == 0 or die "no library\n";
chmod 0755, $library;
$tally->stop_postgres;
open my $fh, '>>', $tally->dir . '/pgdata/postgresql.conf' or die $!;
print $fh "shared_preload_libraries = '$library'\n";
close $fh;
$tally->start_postgres;
is(works('an older library'), 'unknown',
	'an older library: it does not, and all else is well');

ok($tally->stop, 'all stops');
done_testing();
