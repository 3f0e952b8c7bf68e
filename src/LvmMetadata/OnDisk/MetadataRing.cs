namespace OvirtSpm.LvmMetadata.OnDisk;

/// <summary>The circular part of a metadata area: where a text lies, and where the next one may go.</summary>
/// <remarks>
/// lvm2's texts start on 512-byte multiples and wrap round to byte 512. Ours start on multiples of <see cref="Alignment"/> and
/// never wrap: on a 4096-byte-sector device the header shares its sector with the first ring bytes and neighbouring texts share
/// sectors, so a torn write of one text would damage another.
/// One text is limited to an eighth of the ring (stricter than R4's third): beside the live text and the place of the predecessor's
/// next one, at least four more places of that size do not meet, wherever the live text lies. Takeovers take turns among them.
/// </remarks>
public readonly record struct MetadataRing
{
    private const long WideEnoughForPages = 256 << 10;

    public MetadataRing(long areaBytes, int sectorSize)
    {
        AreaBytes = areaBytes;
        // 4 KiB even on 512-byte sectors where there is room: 512e disks rewrite 4 KiB underneath.
        Alignment = sectorSize > 4096 ? sectorSize : areaBytes >= WideEnoughForPages || sectorSize == 4096 ? 4096 : 512;
        FirstBytes = Alignment;
        LastBytes = areaBytes / Alignment * Alignment;
    }

    public long AreaBytes { get; }

    public int Alignment { get; }

    /// <summary>Where our texts may begin.</summary>
    public long FirstBytes { get; }

    /// <summary>Where they must have ended.</summary>
    public long LastBytes { get; }

    /// <summary>Largest text of ours, closing NUL included.</summary>
    public long MaxTextBytes => Math.Max(0, (LastBytes - FirstBytes) / 8 / Alignment * Alignment);

    /// <summary>The bytes of a text, in order; two pieces when it wraps.</summary>
    public (RingPiece First, RingPiece Second) Pieces(TextLocation text)
    {
        var end = text.OffsetBytes + text.SizeBytes;
        return end <= AreaBytes
            ? (new RingPiece(text.OffsetBytes, end), default)
            : (new RingPiece(text.OffsetBytes, AreaBytes), new RingPiece(MdaHeader.Bytes, MdaHeader.Bytes + (end - AreaBytes)));
    }

    /// <summary>Where the next text goes: behind the live one, else at the front.</summary>
    /// <param name="live">Null when there is none.</param>
    /// <param name="sizeBytes">With the closing NUL.</param>
    /// <param name="takeover">R4: the epoch whose first text this is; leaves out where former writers' texts could be landing right now.</param>
    /// <returns>Null when there is no such place.</returns>
    public long? Next(TextLocation? live, long sizeBytes, ulong? takeover = null)
    {
        var needed = RoundUp(sizeBytes);
        if (live is not { IsEmpty: false, IsIgnored: false } text)
        {
            // R4: a predecessor that saw the same emptiness begins at the front.
            return takeover is { } number ? TurnOf(number, needed, [new RingPiece(MdaHeader.Bytes, FirstBytes + MaxTextBytes)])
                : Fits(FirstBytes, needed, []) ? FirstBytes : null;
        }
        Span<RingPiece> taken = stackalloc RingPiece[4];
        var (first, second) = Pieces(text);
        taken[0] = first;
        taken[1] = second;
        var behind = RoundUp(second.LengthBytes > 0 ? second.EndBytes : first.EndBytes);
        var count = 2;
        if (takeover is not null)
        {
            // R4: its next text starts behind the live one, or at the front when it did not fit there; a stray write may still be
            // queued in its kernel and would tear ours. From lvm2's 512-byte rounding to ours plus the largest text.
            var from = (second.LengthBytes > 0 ? second.EndBytes : first.EndBytes) / MdaHeader.Bytes * MdaHeader.Bytes;
            taken[count++] = new RingPiece(from, Math.Min(behind + MaxTextBytes, AreaBytes));
            if (behind + MaxTextBytes > LastBytes)
            {
                taken[count++] = new RingPiece(MdaHeader.Bytes, FirstBytes + MaxTextBytes);
            }
        }
        var forbidden = taken[..count];
        if (takeover is { } epoch && TurnOf(epoch, needed, forbidden) is { } turn)
        {
            return turn;
        }
        if (Fits(behind, needed, forbidden))
        {
            return behind;
        }
        // The other places where a gap can begin: the front, and behind each forbidden piece, the ones ahead of the live text first.
        long? best = null;
        foreach (var piece in forbidden)
        {
            best = Better(best, RoundUp(piece.EndBytes), behind, needed, forbidden);
        }
        return Better(best, FirstBytes, behind, needed, forbidden);
    }

    /// <summary>R4: another place for each epoch of a row.</summary>
    /// <remarks>
    /// Two takeovers may begin from the same live text: the first one's text is still queued when the second writes. In the same place
    /// it would tear the second's text, which is live by then.
    /// </remarks>
    private long? TurnOf(ulong epoch, long needed, ReadOnlySpan<RingPiece> forbidden)
    {
        Span<long> places = stackalloc long[8];
        var count = 0;
        var at = FirstBytes;
        while (MaxTextBytes >= needed && at + MaxTextBytes <= LastBytes && count < places.Length)
        {
            if (FirstOverlap(at, MaxTextBytes, forbidden) is { } piece)
            {
                at = RoundUp(piece.EndBytes);
                continue;
            }
            places[count++] = at;
            at += MaxTextBytes;
        }
        return count == 0 ? null : places[(int)(epoch % (ulong)count)];
    }

    private long? Better(long? best, long candidate, long behind, long needed, ReadOnlySpan<RingPiece> forbidden)
    {
        candidate = Math.Max(candidate, FirstBytes);
        if (!Fits(candidate, needed, forbidden))
        {
            return best;
        }
        return best is { } other && Distance(other, behind) <= Distance(candidate, behind) ? best : candidate;
    }

    private long Distance(long at, long from) => at >= from ? at - from : at - from + AreaBytes;

    private bool Fits(long start, long needed, ReadOnlySpan<RingPiece> forbidden) =>
        start >= FirstBytes && start + needed <= LastBytes && FirstOverlap(start, needed, forbidden) is null;

    private static RingPiece? FirstOverlap(long start, long length, ReadOnlySpan<RingPiece> forbidden)
    {
        foreach (var piece in forbidden)
        {
            if (piece.LengthBytes > 0 && piece.Overlaps(new RingPiece(start, start + length)))
            {
                return piece;
            }
        }
        return null;
    }

    private long RoundUp(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;
}
