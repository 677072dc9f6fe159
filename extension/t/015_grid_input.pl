# Goal of this test: no text and no bytes given for a tally.grid harm the
# server, and what it accepts of them is a grid like any other.
#
# Damages the text and the binary form of good grids, from the seed TALLY_SEED
# (printed), and reads each.  An error is a good answer.
#
# Measures no times.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/../../deploy/t/lib';
use TallySeed qw(seed);
use TallyTest;

my $texts = 20000;
my $binaries = 2000;
srand(seed('damaged grids'));

my $tally = TallyTest->new(name => 'gridinput');
$tally->start_postgres(plain => 1);

sub sql { return $tally->psql($_[0], db => 'postgres') }

sql(<<'SQL');
CREATE EXTENSION tally;
CREATE TABLE good AS SELECT tally.grid(every, daterange('2025-03-01', '2025-04-01'), zone, origin) AS g
FROM unnest('{1 day,1 mon,6 hours,17.25 s}'::interval[]) every,
	unnest('{UTC,Europe/Berlin,Pacific/Apia}'::text[]) zone,
	unnest('{NULL,2025-01-31 00:00Z}'::timestamptz[]) origin
WHERE every > interval '1 hour';

CREATE TABLE taken (how text, g tally.grid);
CREATE TABLE refused (how text, state text);
CREATE FUNCTION take(how text, command text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
EXCEPTION WHEN OTHERS THEN
	INSERT INTO refused VALUES (how, SQLSTATE);
END $$;
SQL

# damage(bytes, letters) -- one to three bytes changed, left out or put in.
sub damage
{
	my ($bytes, @letters) = @_;

	for (1 .. 1 + int(rand(3)))
	{
		my $at = int(rand(length $bytes));
		my $how = rand();
		my $byte = $letters[rand @letters];

		if    ($how < 0.6) { substr($bytes, $at, 1) = $byte }
		elsif ($how < 0.8) { substr($bytes, $at, 1) = '' }
		else               { substr($bytes, $at, 0) = $byte }
	}
	return $bytes;
}

my @good = split /\n/, sql('SELECT g FROM good');
my @letters = (0 .. 9, split(//, "-+=;: .,<>/'\\\"aeiotUZBC_\t"), 'infinity');
my $script = '';
for (1 .. $texts)
{
	my $text = damage($good[rand @good], @letters);
	$text =~ s/'/''/g;
	$script .= "SELECT take('text', \$_\$INSERT INTO taken VALUES ('text', '$text')\$_\$);\n";
}
sql("BEGIN;\n$script COMMIT;");
cmp_ok(sql("SELECT count(*) FROM taken WHERE how = 'text'"), '>', 100,
	'some damaged texts are grids still');
cmp_ok(sql("SELECT count(*) FROM refused WHERE how = 'text'"), '>', 1000,
	'and most are refused');

# Of the binary file, only the bytes of the field are damaged: the 19 of the
# header, the count of fields and the field's length stay as they have to be.
my $dir = $tally->dir . '/run';
my @raw;
for my $n (1 .. sql('SELECT count(*) FROM good'))
{
	sql("COPY (SELECT g FROM good OFFSET $n - 1 LIMIT 1) TO '$dir/one' (FORMAT binary)");
	open my $fh, '<:raw', "$dir/one" or die "$dir/one: $!\n";
	my $file = do { local $/; <$fh> };
	push @raw, substr($file, 25, unpack('N', substr($file, 21, 4)));
}
$script = '';
for my $n (1 .. $binaries)
{
	my $bytes = damage($raw[rand @raw], map { chr } 0 .. 255);
	$bytes = substr($bytes, 0, rand(length $bytes)) if rand() < 0.1;
	open my $fh, '>:raw', "$dir/$n" or die "$dir/$n: $!\n";
	print $fh "PGCOPY\n\377\r\n\0", pack('NN', 0, 0),
		pack('nN', 1, length $bytes), $bytes, pack('n', 0xffff);
	close $fh;
	chmod 0644, "$dir/$n";
	$script .= "SELECT take('binary', 'COPY taken (g) FROM ''$dir/$n'' (FORMAT binary)');\n";
}
sql("BEGIN;\n$script COMMIT;");
cmp_ok(sql("SELECT count(*) FROM taken WHERE how IS NULL"), '>', 50,
	'some damaged bytes are grids still');
cmp_ok(sql("SELECT count(*) FROM refused WHERE how = 'binary'"), '>', 500,
	'and most are refused');

is(sql("SELECT DISTINCT state FROM refused WHERE state LIKE 'XX%' OR state LIKE '58%'"),
	'', 'none with an internal error');
is(sql(<<'SQL'), '0', 'what was taken is a grid like any other');
SELECT count(*) FROM taken
WHERE g::text::tally.grid OPERATOR(tally.<>) g
	OR tally.bucket(g, tally.lower(g)) IS NULL
	OR (SELECT NOT bool_and(bucket < bucket_end) FROM tally.buckets(g))
SQL
unlike($tally->log_text('postgres'), qr/terminated by signal|PANIC/,
	'and no backend died');

done_testing();
