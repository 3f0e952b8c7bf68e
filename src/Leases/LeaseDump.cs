using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases;

/// <summary>Reads a lockspace or a resource for people, without holding anything. Damage is shown sector by sector, never thrown.</summary>
public static class LeaseDump
{
    /// <summary>One host id's sector.</summary>
    /// <param name="Record">What the bytes say, also when the checksum is wrong; null when not even that can be told.</param>
    public sealed record HostSector(int HostId, long OffsetBytes, RecordError Error, LeaderRecord? Record);

    /// <summary>One host's vote and shared hold in a resource.</summary>
    public sealed record VoteSector(int HostId, long OffsetBytes, RecordError Error, BallotBlock Vote, ModeBlock Mode);

    /// <param name="Votes">Votes that were ever used, and damaged ones.</param>
    public sealed record ResourceView(
        RecordError LeaderError, LeaderRecord? Leader, RecordError RequestError, RequestRecord Request, IReadOnlyList<VoteSector> Votes);

    /// <summary>The geometry stated by the first leader at <paramref name="offsetBytes"/>, of either kind.</summary>
    /// <remarks>Reads 4096 bytes: that works on both sector sizes.</remarks>
    /// <exception cref="IOException">The storage failed.</exception>
    public static async ValueTask<(LeaderKind Kind, LeaseGeometry Geometry)?> DetectAsync(ILeaseArea area, long offsetBytes)
    {
        var head = new byte[4096];
        await area.ReadAsync(offsetBytes, head);
        foreach (var kind in new[] { LeaderKind.HostId, LeaderKind.Resource })
        {
            if (LeaderRecord.TryParse(kind, head, out var leader) == RecordError.None && LeaseGeometry.TryFrom(leader!, out var geometry))
            {
                return (kind, geometry);
            }
        }

        return null;
    }

    /// <summary>All host ids that were ever used, and every damaged sector.</summary>
    /// <exception cref="IOException">The storage failed.</exception>
    public static async ValueTask<IReadOnlyList<HostSector>> HostsAsync(ILeaseArea area, LeaseGeometry geometry)
    {
        AreaFit.Check(area, 0, geometry);
        var image = new byte[geometry.AlignBytes];
        await area.ReadAsync(0, image);
        List<HostSector> sectors = [];
        for (var hostId = 1; hostId <= geometry.MaxHosts; hostId++)
        {
            var at = geometry.HostIdOffset(hostId);
            var error = LeaderRecord.TryParse(LeaderKind.HostId, image.AsSpan((int)at, geometry.SectorSize), out var record);
            if (error != RecordError.None || record!.OwnerId != 0)
            {
                sectors.Add(new HostSector(hostId, at, error, record));
            }
        }

        return sectors;
    }

    /// <summary>Leader, request and votes of the resource at <paramref name="offsetBytes"/>.</summary>
    /// <exception cref="IOException">The storage failed.</exception>
    public static async ValueTask<ResourceView> ResourceAsync(ILeaseArea area, long offsetBytes, LeaseGeometry geometry)
    {
        AreaFit.Check(area, offsetBytes, geometry);
        var image = new byte[geometry.AlignBytes];
        await area.ReadAsync(offsetBytes, image);
        var leaderError = LeaderRecord.TryParse(LeaderKind.Resource, image.AsSpan(0, geometry.SectorSize), out var leader);
        var requestError = RequestRecord.TryParse(image.AsSpan((int)geometry.RequestOffset, geometry.SectorSize), out var request);
        List<VoteSector> votes = [];
        for (var hostId = 1; hostId <= geometry.MaxHosts; hostId++)
        {
            var at = geometry.VoteOffset(hostId);
            var sector = image.AsSpan((int)at, geometry.SectorSize);
            var error = BallotBlock.TryParse(sector, hostId, geometry.MaxHosts, out var vote);
            _ = ModeBlock.TryParse(sector, out var mode);
            if (error != RecordError.None || vote != default || mode.IsShared)
            {
                votes.Add(new VoteSector(hostId, at, error, vote, mode));
            }
        }

        return new ResourceView(leaderError, leader, requestError, request, votes);
    }
}
