namespace OvirtSpm.Leases.OnDisk;

/// <summary>What to tell a person about a sector that is not believed: what is wrong and what to do.</summary>
public static class RecordErrorText
{
    public static string Explain(this RecordError error) => error switch
    {
        RecordError.None => "the record is good",
        RecordError.TooShort => "fewer bytes than one record were read; check the size of the device",
        RecordError.WrongMagic => "no lease record lies here; the area was never initialised or was overwritten. "
            + "Check offset and device, then initialise the lockspace or resource",
        RecordError.Cleared => "the resource was cleared on purpose; initialise it again before use",
        RecordError.WrongVersion => "the record has a major version this program does not read "
            + "(host ids 3 to 5, resources 6 to 7); use the program that wrote it",
        RecordError.WrongChecksum => "the checksum does not match; the sector is damaged. Nothing was concluded from it. "
            + "Once its host is provably free or dead it may be repaired with 'spm lease repair'",
        RecordError.WrongLockspace => "the record belongs to another lockspace; check that this is the right device and offset",
        RecordError.WrongResource => "the record belongs to another resource; check the offset",
        RecordError.WrongGeometry => "sector size or alignment on disk differ from the device's; open it with the geometry it was made with",
        RecordError.WrongHostCount => "the record's number of hosts does not cover this host id; "
            + "use a smaller host id or initialise the resource for more hosts",
        RecordError.UnsupportedFlags => "the lease uses NO_TIMEOUT, DEAD_EXT or COMPARE AND WRITE, which this program does not implement; "
            + "taking it would break the promise others rely on",
        RecordError.WrongOwner => "the host id is held by somebody else; give every host its own id",
        RecordError.Misplaced => "a vote of another host lies here: the storage wrote it to the wrong place, and what it covered is lost. "
            + "Find out why; once this sector's host is provably free or dead it may be repaired with 'spm lease repair'",
        _ => error.ToString(),
    };
}
