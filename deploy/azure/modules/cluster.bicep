// Kubernetes, with one machine for the system and none with a GPU until a job asks for one.
param name string
param location string
param networkName string
param nodesId string
@description('Addresses that may reach the API of the cluster, such as 203.0.113.7/32.')
param adminRanges array

param gpuSize string
param gpuMax int
param gpuSpot bool
param watcherName string
param serverName string
param driverName string
param workerName string

@description('Namespace of Impasto in the cluster.')
param namespace string

var gpuTaint = 'nvidia.com/gpu=present:NoSchedule'
var spotTaint = 'kubernetes.azure.com/scalesetpriority=spot:NoSchedule'
var networkContributor = '4d97b98b-1d4f-4787-a291-c67834d212e7'

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' existing = {
  name: networkName
}

resource nodes 'Microsoft.Network/virtualNetworks/subnets@2025-05-01' existing = {
  parent: network
  name: 'nodes'
}

resource self 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${name}-cluster'
  location: location
}

// It must join its machines to the subnet: there, and nowhere else.
resource join 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(nodes.id, self.id, networkContributor)
  scope: nodes
  properties: {
    principalId: self.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', networkContributor)
  }
}

resource cluster 'Microsoft.ContainerService/managedClusters@2026-03-01' = {
  name: '${name}-aks'
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${self.id}': {}
    }
  }
  sku: {
    name: 'Base'
    tier: 'Free'
  }
  properties: {
    dnsPrefix: name
    disableLocalAccounts: true
    enableRBAC: true
    aadProfile: {
      managed: true
      enableAzureRBAC: true
    }
    apiServerAccessProfile: {
      authorizedIPRanges: adminRanges
    }
    autoUpgradeProfile: {
      upgradeChannel: 'patch'
      nodeOSUpgradeChannel: 'NodeImage'
    }
    oidcIssuerProfile: {
      enabled: true
    }
    securityProfile: {
      workloadIdentity: {
        enabled: true
      }
    }
    workloadAutoScalerProfile: {
      keda: {
        enabled: true
      }
    }
    networkProfile: {
      networkPlugin: 'azure'
      networkPluginMode: 'overlay'
      networkPolicy: 'cilium'
      networkDataplane: 'cilium'
    }
    autoScalerProfile: {
      'scale-down-unneeded-time': '3m'
      'scale-down-delay-after-add': '3m'
    }
    agentPoolProfiles: [
      {
        name: 'system'
        mode: 'System'
        vmSize: 'Standard_D4as_v5'
        count: 1
        minCount: 1
        maxCount: 3
        enableAutoScaling: true
        osType: 'Linux'
        osSKU: 'AzureLinux'
        vnetSubnetID: nodesId
        // The head of Ray must not be evicted: an upgrade of its machine fails, and leaves it usable.
        upgradeSettings: {
          undrainableNodeBehavior: 'Schedule'
        }
      }
    ]
  }
  dependsOn: [
    join
  ]
}

resource gpus 'Microsoft.ContainerService/managedClusters/agentPools@2026-03-01' = {
  parent: cluster
  name: 'gpu'
  properties: {
    mode: 'User'
    vmSize: gpuSize
    count: 0
    minCount: 0
    maxCount: gpuMax
    enableAutoScaling: true
    osType: 'Linux'
    osSKU: 'AzureLinux'
    // The chart of the device plugin looks for this label.
    nodeLabels: {
      'nvidia.com/gpu.present': 'true'
    }
    nodeTaints: [
      gpuTaint
    ]
    vnetSubnetID: nodesId
  }
}

resource spotGpus 'Microsoft.ContainerService/managedClusters/agentPools@2026-03-01' = if (gpuSpot) {
  parent: cluster
  name: 'gpuspot'
  properties: {
    mode: 'User'
    vmSize: gpuSize
    count: 0
    minCount: 0
    maxCount: gpuMax
    enableAutoScaling: true
    osType: 'Linux'
    osSKU: 'AzureLinux'
    scaleSetPriority: 'Spot'
    scaleSetEvictionPolicy: 'Delete'
    spotMaxPrice: -1
    nodeLabels: {
      'nvidia.com/gpu.present': 'true'
    }
    nodeTaints: [
      gpuTaint
      spotTaint
    ]
    vnetSubnetID: nodesId
  }
  // Pools of a cluster are made one after the other.
  dependsOn: [
    gpus
  ]
}

resource watcher 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: watcherName
}

resource server 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: serverName
}

resource driver 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: driverName
}

resource worker 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: workerName
}

resource watcherTrust 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2023-01-31' = {
  parent: watcher
  name: 'cluster'
  properties: {
    audiences: [
      'api://AzureADTokenExchange'
    ]
    issuer: cluster.properties.oidcIssuerProfile.issuerURL
    subject: 'system:serviceaccount:${namespace}:impasto-watch'
  }
}

resource serverTrust 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2023-01-31' = {
  parent: server
  name: 'cluster'
  properties: {
    audiences: [
      'api://AzureADTokenExchange'
    ]
    issuer: cluster.properties.oidcIssuerProfile.issuerURL
    subject: 'system:serviceaccount:${namespace}:impasto-serve'
  }
}

// KEDA reads the length of the queue as the watcher. An identity takes one credential at a time.
resource kedaTrust 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2023-01-31' = {
  parent: watcher
  name: 'keda'
  properties: {
    audiences: [
      'api://AzureADTokenExchange'
    ]
    issuer: cluster.properties.oidcIssuerProfile.issuerURL
    subject: 'system:serviceaccount:kube-system:keda-operator'
  }
  dependsOn: [
    watcherTrust
  ]
}

resource driverTrust 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2023-01-31' = {
  parent: driver
  name: 'cluster'
  properties: {
    audiences: [
      'api://AzureADTokenExchange'
    ]
    issuer: cluster.properties.oidcIssuerProfile.issuerURL
    subject: 'system:serviceaccount:${namespace}:impasto-head'
  }
}

resource workerTrust 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2023-01-31' = {
  parent: worker
  name: 'cluster'
  properties: {
    audiences: [
      'api://AzureADTokenExchange'
    ]
    issuer: cluster.properties.oidcIssuerProfile.issuerURL
    subject: 'system:serviceaccount:${namespace}:impasto-worker'
  }
}

output clusterName string = cluster.name
output pullerPrincipalId string = cluster.properties.identityProfile.kubeletidentity.objectId
