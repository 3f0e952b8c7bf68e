using FsCheck;
using FsCheck.Fluent;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Tests;

namespace OvirtSpm.Leases.Tests;

/// <summary>No bytes whatever make a parser throw, and what it believes it can write back.</summary>
public class RecordProperties
{
    private static readonly Config Runs = PropertyRuns.Of(2000);

    [Fact]
    public void Any_bytes_give_an_answer() => Check.One(Runs, Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), bytes =>
    {
        _ = LeaderRecord.TryParse(LeaderKind.HostId, bytes, out var host);
        _ = LeaderRecord.TryParse(LeaderKind.Resource, bytes, out _);
        _ = BallotBlock.TryParse(bytes, out _);
        _ = ModeBlock.TryParse(bytes, out _);
        return RequestRecord.TryParse(bytes, out _) != RecordError.None && host is null;
    }));

    [Fact]
    public void A_believed_sector_with_any_bytes_changed_is_refused_or_means_what_it_says() =>
        Check.One(Runs, Prop.ForAll(Damage(), damage =>
        {
            foreach (var kind in new[] { LeaderKind.HostId, LeaderKind.Resource })
            {
                var sector = Good(kind);
                damage.ForEach(d => sector[d.At] ^= d.By);
                var error = LeaderRecord.TryParse(kind, sector, out var leader);
                if (leader is not null)
                {
                    _ = LeaseGeometry.TryFrom(leader, out _);
                    _ = leader.Resource.ToString();
                }

                var again = new byte[512];
                leader?.Format(again);
                Assert.True(error != RecordError.None || again.AsSpan(0, 200).SequenceEqual(sector.AsSpan(0, 200)));
                Assert.True(error == RecordError.None || !sector.AsSpan(0, 172).SequenceEqual(Good(kind).AsSpan(0, 172)));
            }
        }));

    [Fact]
    public void A_vote_survives_writing_and_reading_whatever_it_says() =>
        Check.One(Runs, Prop.ForAll(ArbMap.Default.ArbFor<Tuple<ulong, ulong, ulong, ulong, ulong, ulong, uint>>(), t =>
        {
            var vote = new BallotBlock(t.Item1, t.Item2, new OwnerValue(t.Item3, t.Item4, t.Item5), t.Item6, t.Item7);
            var sector = new byte[512];
            vote.Format(sector);
            return BallotBlock.TryParse(sector, out var read) == RecordError.None && read == vote;
        }));

    [Fact]
    public void One_flipped_bit_in_the_covered_part_of_a_vote_is_noticed() =>
        Check.One(Runs, Prop.ForAll(Gen.Choose(0, (48 * 8) - 1).ToArbitrary(), bit =>
        {
            var sector = new byte[512];
            new BallotBlock(4002, 4002, new OwnerValue(2, 7, 99), 12, 0).Format(sector);
            sector[bit / 8] ^= (byte)(1 << (bit % 8));
            return BallotBlock.TryParse(sector, out _) == RecordError.WrongChecksum;
        }));

    [Fact]
    public void A_name_reads_back_up_to_its_first_zero_byte() =>
        Check.One(Runs, Prop.ForAll(Gen.Choose(0, 255).Select(b => (byte)b).ListOf(48).ToArbitrary(), bytes =>
        {
            var name = LeaseName.FromBytes([.. bytes]);
            var back = new byte[48];
            name.CopyTo(back);
            Assert.DoesNotContain(name.ToString(), char.IsControl);
            return back.AsSpan().SequenceEqual(bytes.ToArray());
        }));

    private static Arbitrary<List<(int At, byte By)>> Damage() =>
        Gen.Choose(0, 511).SelectMany(at => Gen.Choose(1, 255).Select(by => (at, (byte)by))).NonEmptyListOf().Select(l => l.Take(6).ToList()).ToArbitrary();

    private static byte[] Good(LeaderKind kind)
    {
        var sector = new byte[512];
        new LeaderRecord
        {
            Kind = kind,
            Version = kind == LeaderKind.HostId ? LeaderRecord.HostIdVersion : LeaderRecord.ResourceVersion,
            Flags = LeaderFlags.Align1M,
            SectorSize = 512,
            NumHosts = 8,
            MaxHosts = 2000,
            OwnerId = 3,
            OwnerGeneration = 5,
            LeaseVersion = 77,
            Lockspace = LeaseName.Of("LS"),
            Resource = LeaseName.Of("SDM"),
            Timestamp = 1234,
        }.Format(sector);
        return sector;
    }
}
