namespace OvirtSpm.Node.Api;

/// <summary>Asks the SPM of the domain that a volume goes to.</summary>
/// <param name="From">A node of the pool that it leaves, as the SPM that is asked reaches it.</param>
/// <param name="Volume">Uuid, unique prefix of it, or alias, as it is there; all below it goes along.</param>
/// <param name="Request">As in <see cref="CreateVolumeRequest"/>.</param>
public sealed record ArrivalRequest(string From, string Volume, string? Request = null);

/// <summary>Asks the SPM of the domain that a volume leaves: it is kept as it is and can be read until the transfer is finished, and is then removed.</summary>
/// <param name="From">The domain that is meant: an address may be another pool's by now.</param>
/// <param name="Request">R24: the id of this departure, a new one for each.</param>
public sealed record DepartureRequest(string Volume, Guid From, string Request);

/// <param name="Domain">Whose SPM says so: an answer that is none of ours would read as "not there".</param>
/// <param name="Transfer">Null, with nothing else: the SPM has no such volume. Said under its fence: whoever hears it may take its copy for the only one.</param>
/// <param name="Volumes">Leaf first.</param>
public sealed record DepartureReply(Guid Domain, string? Transfer, long ExtentBytes, IReadOnlyList<DepartingVolumeReply> Volumes);

/// <param name="Slot">What is said of it, as it lies in its slot.</param>
public sealed record DepartingVolumeReply(Guid Volume, long AllocatedBytes, byte[] Slot);
